//! Every page in one table: method, address, who may open it, and its handler.
//!
//! Registration, access control and the test of every page with every caller (`tests/api/pages_access.rs`) follow from a line
//! here. A handler without a line is not reachable.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use super::assets;
use super::pages::{home, password, preferences, setup, sign_in};
use crate::http::policy::Policy;
use crate::http::route::Route;

macro_rules! page_table {
    ($($method:ident $path:literal $policy:ident => $($handler:ident)::+;)+) => {
        /// Every page, and the API's documentation, which [`super::configure`] registers.
        pub static PAGES: LazyLock<Vec<Route>> = LazyLock::new(|| vec![
            $(Route::page(Method::$method, $path, Policy::$policy),)+
            Route::page(Method::GET, "/docs", Policy::Public),
            Route::page(Method::GET, "/docs/{_:.*}", Policy::Public),
        ]);

        /// Registers every page. Of two that match a request, the first answers.
        pub(super) fn configure(config: &mut ServiceConfig) {
            config$(.route($path, web::method(Method::$method).to($($handler)::+)))+;
        }
    };
}

page_table! {
    GET "/" Public => home::show;
    GET "/assets/{version}/{file}" Public => assets::serve;
    POST "/preferences" Public => preferences::change;

    GET "/login" Public => sign_in::show_login;
    POST "/login" Public => sign_in::log_in;
    GET "/signup" Public => sign_in::show_sign_up;
    POST "/signup" Public => sign_in::sign_up;
    POST "/logout" Public => sign_in::log_out;
    GET "/password" AnyPassword => password::show;
    POST "/password" AnyPassword => password::change;

    GET "/setup/password" Public => setup::show_password;
    POST "/setup/password" Public => setup::set_password;
    GET "/setup" Admin => setup::show;
    POST "/setup/store" Admin => setup::create_store;
    POST "/setup/kiosk" Admin => setup::create_kiosk;

    // The kiosk.

    // The shopper.

    // The admin: products and orders.

    // The admin: dashboard, numbering, alerts, people.
}

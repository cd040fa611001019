//! Every page in one table: method, address, who may open it, and its handler.
//!
//! Registration, access control and the test of every page with every caller (`tests/api/pages_access.rs`) follow from a line
//! here. A handler without a line is not reachable.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use super::assets;
use super::pages::{
    account, alerts, audit, background, claims, closings, dashboard, home, imports, kiosk, models, mypage, numbering,
    order, orders, password, people, preferences, product, products, schedules, search, settings, setup, sign_in,
    stores, task, task_reports, tasks,
};
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
    GET "/assets/{version}/{file:.+}" Public => assets::serve;
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
    GET "/kiosk" Public => kiosk::show;
    POST "/kiosk" Public => kiosk::enrol;
    GET "/kiosk/receipts/{id}" Till => kiosk::show_receipt;
    GET "/kiosk/sessions/{id}/join" Till => kiosk::show_join_code;

    // The shopper.
    GET "/mypage" Person => mypage::show;
    GET "/mypage/orders/{id}" Person => mypage::show_order;
    GET "/claim" Shopper => claims::show_claim;
    POST "/claim" Shopper => claims::claim;
    GET "/join/{id}" Shopper => claims::show_join;
    POST "/join/{id}" Shopper => claims::join;
    GET "/account" Person => account::show;
    GET "/account/delete" Shopper => account::show_delete;
    POST "/account/delete" Shopper => account::delete;

    // The admin: products and orders, stores, people and models.
    GET "/admin/products" Staff => products::list;
    GET "/admin/products/new" Admin => products::show_teach;
    POST "/admin/products/new" Admin => products::teach;
    GET "/admin/products/{id}" Staff => product::show;
    POST "/admin/products/{id}" Admin => product::change;
    POST "/admin/products/{id}/sale" Admin => product::set_on_sale;
    POST "/admin/products/{id}/merge" Admin => product::merge;
    POST "/admin/products/{id}/remove" Admin => product::remove;
    POST "/admin/products/{id}/photos" Admin => product::add_photos;
    POST "/admin/products/{id}/photos/{image_id}/remove" Admin => product::remove_photo;
    GET "/admin/orders" Staff => orders::list;
    GET "/admin/orders/{id}" Staff => order::show;
    POST "/admin/orders/{id}/pay" Staff => order::pay;
    POST "/admin/orders/{id}/refund" Staff => order::refund;
    POST "/admin/orders/{id}/void" Staff => order::void;
    POST "/admin/orders/{id}/print" Staff => order::print;
    GET "/admin/closings" Staff => closings::list;
    POST "/admin/closings/{id}" Staff => closings::close;
    GET "/admin/closings/{id}/{number}" Staff => closings::show;
    GET "/admin/stores" Staff => stores::list;
    POST "/admin/stores" Admin => stores::create;
    GET "/admin/stores/{id}" Staff => stores::show;
    POST "/admin/stores/{id}" Admin => stores::change;
    POST "/admin/stores/{id}/series" Admin => stores::begin_series;
    POST "/admin/stores/{id}/kiosks" Admin => stores::create_kiosk;
    POST "/admin/stores/{id}/kiosks/{kiosk_id}/revoke" Admin => stores::revoke_kiosk;
    POST "/admin/stores/{id}/kiosks/{kiosk_id}/closed" Admin => stores::set_kiosk_closed;
    POST "/admin/stores/{id}/kiosks/{kiosk_id}/staff-call" Staff => stores::end_staff_call;
    GET "/admin/people" Admin => people::list;
    POST "/admin/people" Admin => people::invite;
    GET "/admin/people/{id}" Admin => people::show;
    POST "/admin/people/{id}" Admin => people::change;
    POST "/admin/people/{id}/disabled" Admin => people::set_disabled;
    POST "/admin/people/{id}/password" Admin => people::reset_password;
    POST "/admin/people/{id}/sign-out" Admin => people::end_sessions;
    GET "/admin/models" Admin => models::show;
    POST "/admin/models/switch" Admin => models::begin;
    POST "/admin/models/activate" Admin => models::activate;
    POST "/admin/models/cancel" Admin => models::cancel;
    POST "/admin/models/rollback" Admin => models::roll_back;
    POST "/admin/models/evaluate" Admin => models::evaluate;

    // The admin: tasks.
    GET "/admin/tasks" Admin => tasks::list;
    POST "/admin/tasks" Admin => tasks::create;
    POST "/admin/tasks/pause" Admin => tasks::pause;
    GET "/admin/tasks/import" Admin => imports::show_new;
    POST "/admin/tasks/import" Admin => imports::upload;
    GET "/admin/tasks/import/{id}" Admin => imports::show_draft;
    POST "/admin/tasks/import/{id}" Admin => imports::start;
    POST "/admin/tasks/import/{id}/discard" Admin => imports::discard;
    GET "/admin/tasks/{id}" Admin => task::show;
    GET "/admin/tasks/{id}/items/{item_id}/photo" Admin => task::show_photo;
    GET "/admin/tasks/{id}/reports/{name}" Admin => task_reports::download;
    POST "/admin/tasks/{id}/retry" Admin => task::retry;
    POST "/admin/tasks/{id}/discard" Admin => task::discard;
    POST "/admin/tasks/{id}/stop" Admin => task::stop;
    POST "/admin/tasks/{id}/run" Admin => task::run;
    POST "/admin/tasks/{id}/remove" Admin => task::remove;
    GET "/admin/schedules" Admin => schedules::list;
    POST "/admin/schedules" Admin => schedules::create;
    GET "/admin/schedules/{id}" Admin => schedules::show;
    POST "/admin/schedules/{id}" Admin => schedules::change;
    POST "/admin/schedules/{id}/enabled" Admin => schedules::set_enabled;
    POST "/admin/schedules/{id}/run" Admin => schedules::run;
    POST "/admin/schedules/{id}/remove" Admin => schedules::remove;

    // The admin: dashboard, numbering, alerts, people.
    GET "/admin" Staff => dashboard::show;
    GET "/admin/search" Admin => search::show;
    GET "/admin/numbering" Admin => numbering::show;
    POST "/admin/numbering/check" Admin => numbering::check;
    POST "/admin/numbering/repair" Admin => numbering::repair;
    GET "/admin/alerts" Admin => alerts::show;
    POST "/admin/alerts/act" Admin => alerts::act;
    POST "/admin/alerts/test" Admin => alerts::test;
    GET "/admin/alerts/{id}" Admin => alerts::show_one;
    GET "/admin/background" Admin => background::show;
    GET "/admin/audit" Admin => audit::show;
    GET "/admin/settings" Admin => settings::show;
}

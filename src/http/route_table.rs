//! Every operation of the API in one table: its handler, who may call it, and the problems of its own.
//!
//! Registration, access control, known query parameters and the OpenAPI document all follow from a line here. Method and path
//! stand at the handler. A route without a line is not registered. What a caller may do *within* a route (a clerk in another
//! store, another shopper's order) is decided by the services, which see the data.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use utoipa::OpenApi;

use super::policy::Policy;
use super::problem::ProblemKind;
use super::route::Route;
use super::routes::{
    alerts, api_document, audit, auth, automation_events, automation_export, automation_imports, automation_pauses,
    automation_schedules, automation_tasks, background, closings, health, integrity, kiosk_empty_views, kiosks,
    look_alikes, models, mypage, number_series, orders, payments_and_refunds, performance, photo_previews,
    product_images, products, receipts, recognition, search, session_discounts, sessions, settings, staff_calls,
    statistics, storage, stores, users,
};

macro_rules! route_table {
    ($($module:ident::$handler:ident: $policy:ident $(, [$($problem:ident),+])?;)+) => {
        /// Every operation of the API.
        pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| vec![$(
            Route::of::<$module::$handler>(
                concat!(stringify!($module), "_", stringify!($handler)),
                Policy::$policy,
                &[$($(ProblemKind::$problem),+)?],
            )
        ),+]);

        /// The operations as their handlers describe them.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler),+))]
        pub struct Operations;

        /// Registers every operation. Of two that match a request, the first answers.
        pub fn configure(config: &mut ServiceConfig) {
            config$(.service($module::$handler))+;
        }
    };
}

// Problems that follow from the policy, the path, the parameters or the body are added by `Route::problems`.
route_table! {
    health::healthz: Public;
    health::readyz: Public, [Unavailable, IndexBehind, DiskFull];
    health::metrics: Public, [NotFound];
    api_document::show: Public, [NotFound];

    auth::signup: Public, [Taken, Throttled, Unavailable];
    auth::login: Public, [WrongCredentials, Throttled, Unavailable];
    auth::refresh: Public, [NotAuthenticated, Unavailable];
    auth::logout: Public, [Unavailable];
    auth::me: AnyPassword;
    auth::change_password: AnyPassword, [Throttled];
    auth::delete_account: Shopper, [Throttled, NotFound];
    users::list: Admin;
    users::create: Admin, [Taken, NotFound];
    users::show: Admin;
    users::change: Admin, [LastAdmin];
    users::reset_password: Admin, [InvalidField];
    users::end_sessions: Admin;

    stores::list: Staff;
    stores::create: Admin;
    stores::show: Staff;
    stores::change: Admin, [StaysFiscal];
    kiosks::list: Staff;
    kiosks::create: Admin;
    kiosks::change: Admin;
    kiosks::revoke: Admin;
    kiosks::show_own: Kiosk;
    staff_calls::call: Kiosk;
    staff_calls::take_back: Kiosk;
    staff_calls::list: Staff;
    staff_calls::end: Staff;
    kiosks::enrol: Public, [EnrolmentRefused, Throttled, Unavailable];
    // Before `set`, whose path matches `me` too.
    kiosk_empty_views::set_own: Kiosk;
    kiosk_empty_views::show: Staff;
    kiosk_empty_views::set: Staff;
    kiosk_empty_views::remove: Staff;

    // Before `products::show`, whose path matches these too.
    photo_previews::show: Admin;
    look_alikes::list: Staff, [ReportPending, IndexBehind];
    look_alikes::check_photos: Staff, [ReportPending, IndexBehind];
    products::list: Till;
    products::create: Admin, [Taken, SeveralProducts, PoorPhoto, AlreadyEnrolled, IndexBehind];
    products::show: Till;
    products::change: Admin, [Taken, IndexBehind];
    products::merge: Admin, [TooLarge, IndexBehind];
    products::remove: Admin, [IndexBehind];
    product_images::list: Till;
    product_images::add: Admin, [SeveralProducts, PoorPhoto, AlreadyEnrolled, IndexBehind];
    product_images::show: Till, [Overloaded];
    product_images::remove: Admin, [IndexBehind];
    models::list: Admin;
    models::begin: Admin, [NotFound, UnusableModel, SwitchRefused];
    models::cancel: Admin, [SwitchRefused];
    models::activate: Admin, [SwitchRefused, IndexBehind];
    models::roll_back: Admin, [UnusableModel, SwitchRefused, NotFound];
    models::begin_evaluation: Admin;
    models::show_evaluation: Admin;
    // A closed kiosk is refused where `KioskClosed` stands.
    recognition::recognize: Till, [KioskClosed, IndexBehind];

    sessions::open: Till, [KioskClosed, NotFound];
    sessions::show: Till;
    sessions::cancel: Till, [SessionClosed];
    sessions::join: Shopper, [SessionClosed, Taken];
    sessions::frame: Till, [KioskClosed, StaleVersion, SessionClosed, IndexBehind];
    sessions::add_item: Till, [KioskClosed, StaleVersion, SessionClosed];
    sessions::change_item: Till, [StaleVersion, SessionClosed];
    sessions::remove_item: Till, [StaleVersion, SessionClosed];
    sessions::confirm: Till, [StaleVersion, SessionClosed, EmptyBill, UnsellableItems];
    session_discounts::set_on_bill: Staff, [StaleVersion, SessionClosed];
    session_discounts::remove_from_bill: Staff, [StaleVersion, SessionClosed];
    session_discounts::set_on_item: Staff, [StaleVersion, SessionClosed];
    session_discounts::remove_from_item: Staff, [StaleVersion, SessionClosed];

    orders::list: Staff, [NotFound];
    orders::show: Staff, [UnreadableRecord];
    orders::history: Staff, [UnreadableRecord];
    payments_and_refunds::pay: Till, [OrderPaid, OrderVoided, AmountMismatch, WrongCurrency, UnreadableRecord];
    payments_and_refunds::refund: Staff, [OrderNotPaid, OrderVoided, RefundTooLarge, WrongCurrency, UnreadableRecord];
    payments_and_refunds::void: Staff, [OrderPaid, OrderVoided, UnreadableRecord];
    receipts::show: Till, [UnreadableRecord];
    receipts::print: Till, [UnreadableRecord];
    closings::list: Staff;
    closings::create: Staff;
    // Before `show`, whose path matches `preview` too.
    closings::preview: Staff;
    closings::show: Staff, [UnreadableRecord];
    number_series::list: Staff;
    number_series::begin: Admin, [SeriesBegun];

    mypage::list: Person;
    mypage::show: Person, [UnreadableRecord];
    mypage::spending: Person, [UnreadableRecord];
    mypage::claim: Shopper, [NotFound, UnreadableRecord];
    receipts::show_own: Person, [UnreadableRecord];
    receipts::page_own: Person, [UnreadableRecord];

    statistics::sales: Staff, [NotFound];
    statistics::recognitions: Staff, [NotFound];

    integrity::summary: Admin;
    integrity::show: Admin;
    integrity::history: Admin;
    integrity::run: Admin, [NotFound, Overloaded];
    integrity::repair: Admin, [NotFound, RepairRefused];
    performance::stats: Admin;
    performance::trend: Admin;
    performance::export: Admin;
    alerts::active: Admin;
    alerts::history: Admin;
    alerts::acknowledge: Admin;
    alerts::resolve: Admin;
    alerts::deliveries: Admin;
    alerts::test: Admin;
    alerts::runbook: Admin;
    background::list: Admin;
    storage::list: Admin;
    audit::list: Admin;
    settings::list: Admin;
    search::search: Admin;

    automation_tasks::create: Admin;
    automation_tasks::list: Admin;
    automation_tasks::show: Admin;
    automation_tasks::remove: Admin, [TaskRunning];
    automation_tasks::items: Admin;
    automation_tasks::retry: Admin, [NothingFailed];
    automation_tasks::discard: Admin, [NothingFailed];
    automation_events::watch: Admin;
    automation_tasks::queue: Admin;
    automation_tasks::logs: Admin;
    automation_tasks::stop: Admin, [NotFound];
    automation_tasks::run: Admin;
    automation_imports::create: Admin;
    automation_imports::show: Admin;
    automation_imports::start: Admin;
    automation_imports::discard: Admin;
    automation_export::download: Admin;
    automation_schedules::list: Admin;
    automation_schedules::create: Admin, [NotFound];
    automation_schedules::change: Admin;
    automation_schedules::replace: Admin;
    automation_schedules::remove: Admin;
    automation_pauses::list: Admin;
    automation_pauses::pause: Admin;
    automation_pauses::resume: Admin;
}

/// The operation at this method and pattern.
pub fn find(method: &Method, pattern: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == *method && route.pattern == pattern)
}

/// The methods that a pattern supports.
pub fn methods(pattern: &str) -> Vec<&'static str> {
    ROUTES.iter().filter(|route| route.pattern == pattern).map(|route| route.method.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_has_one_line_and_an_id_of_its_own() {
        let lines: BTreeSet<_> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.pattern)).collect();
        let ids: BTreeSet<_> = ROUTES.iter().map(|route| route.operation_id).collect();
        assert_eq!((lines.len(), ids.len()), (ROUTES.len(), ROUTES.len()));
    }

    #[test]
    fn what_is_outside_the_table_is_not_found() {
        assert!(find(&Method::GET, "/api/products/{id}").is_some());
        assert!(find(&Method::PUT, "/api/products/{id}").is_none());
        assert!(find(&Method::GET, "/api/unknown").is_none());
        assert_eq!(methods("/api/products"), ["GET", "POST"]);
    }
}

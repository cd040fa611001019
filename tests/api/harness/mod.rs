//! The test harness: starts servers and sends requests to them.

mod app;
mod browser;
mod database;
mod documented;
mod environment;
mod own_postgres;
mod pictures;
mod program;
mod receiver;
mod reply;
mod shop;
mod skip;
mod tampering;

pub use app::{ADMIN_PASSWORD, MODEL, TestApp, form, model_key, snapshot_path};
pub use browser::{Browser, assert_leads};
pub use database::TestDatabase;
pub use environment::{environment_number, server_program};
pub use own_postgres::OwnPostgres;
pub use pictures::{cluttered_frame, jpeg, package_photo, png_of_size, table_frame};
pub use program::{TOKEN_SECRET, folder_with_shared_photos};
pub use receiver::{AlertReceiver, ReceivedRequest, ReceiverReply};
pub use reply::Reply;
pub use shop::{Shop, order_path};
pub use skip::{say, skip};
pub(crate) use tampering::execute_unconstrained;
pub use tampering::{ONLY_ON_DEMAND, delete_order, drop_constraints, open_shop_with_six_orders, restore_rows};

/// Runs each named test on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::harness::TestDatabase::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::harness::TestDatabase::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both_databases;

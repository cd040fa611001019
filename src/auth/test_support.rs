//! An accounts service for unit tests, on its own SQLite file and with a fixed clock.

use tempfile::TempDir;

use super::{Auth, FirstAdmin, NewStore, NewUser, TokenPair};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Database, audit};
use crate::domain::{Actor, Caller, Role, StoreId, Timestamp};
use crate::pool::Pool;

/// A password that the policy accepts.
pub(super) const PASSWORD: &str = "a till that sees";

pub(super) struct TestAuth {
    pub(super) auth: Auth,
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    folder: TempDir,
}

impl TestAuth {
    pub(super) async fn new() -> Self {
        Self::with_settings("").await
    }

    /// `overlay`: settings (TOML, dotted keys) that replace defaults.
    pub(super) async fn with_settings(overlay: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, overlay);
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let db = Database::connect(&url.into(), 4).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Clock::fixed(Timestamp::from_micros(1_800_000_000_000_000));
        let auth = Auth::new(db.clone(), clock.clone(), pool(&settings), &settings).unwrap();
        Self { auth, db, clock, settings, folder }
    }

    /// Another server on the same database and folder, with the same settings.
    pub(super) fn restart(&self) -> Auth {
        Auth::new(self.db.clone(), self.clock.clone(), pool(&self.settings), &self.settings).unwrap()
    }

    /// Another server on the same database and folder, with other settings.
    pub(super) fn restart_with(&self, overlay: &str) -> Auth {
        let settings = settings(&self.folder, overlay);
        Auth::new(self.db.clone(), self.clock.clone(), pool(&settings), &settings).unwrap()
    }

    pub(super) async fn sign_up_shopper(&self, name: &str) -> (Caller, TokenPair) {
        let pair = self.auth.sign_up(name, &PASSWORD.into(), None).await.unwrap();
        (self.caller(&pair).await, pair)
    }

    /// Signs in the first admin.
    pub(super) async fn sign_in_admin(&self) -> Caller {
        let auth = self.restart_with("admin_password = \"harvest trombone\"");
        let first_admin = auth.ensure_first_admin().await.unwrap();
        assert!(!matches!(first_admin, FirstAdmin::WithOneTimePassword(_)));
        self.caller(&auth.login("admin", &"harvest trombone".into(), None).await.unwrap()).await
    }

    pub(super) async fn create_clerk(&self, name: &str, store: StoreId) -> Caller {
        let role = Role::Clerk;
        let new = NewUser { username: name.to_owned(), password: PASSWORD.into(), role, store_id: Some(store) };
        let user = self.auth.create_user(&Caller::system(), new).await.unwrap();
        Caller { actor: Actor::Person { id: user.id, role, store: user.store_id }, address: None }
    }

    pub(super) async fn create_store(&self, name: &str) -> StoreId {
        let new = NewStore { name: name.to_owned(), ..NewStore::default() };
        self.auth.create_store(&Caller::system(), new).await.unwrap().id
    }

    /// The actions in the audit log, without the creation of the first admin.
    pub(super) async fn audited_actions(&self) -> Vec<String> {
        let records = audit::list(&mut self.db.read().await.unwrap(), 0, 100).await.unwrap();
        let is_first_admin = |record: &audit::AuditRecord| record.action == "user.create" && record.actor == "system";
        records.into_iter().filter(|record| !is_first_admin(record)).map(|record| record.action).collect()
    }

    async fn caller(&self, pair: &TokenPair) -> Caller {
        let identity = self.auth.authenticate(pair.access_token.expose()).await.unwrap();
        Caller { actor: identity.actor, address: None }
    }
}

fn settings(folder: &TempDir, overlay: &str) -> Settings {
    let base = format!("data_dir = \"{}\"\n{overlay}", folder.path().join("data").display());
    Settings::from_toml(&base).unwrap()
}

fn pool(settings: &Settings) -> Pool {
    Pool::new("hash-test", 2, settings.engine.queue).unwrap()
}

//! Who may do what: the three roles of people, and the actor of a request.

use super::text_enum::text_enum;
use super::{KioskId, StoreId, UserId};

text_enum! {
    /// What a person may do.
    Role, "a role":
    /// A shopper: reads their own orders.
    User = "user",
    /// Staff of one store.
    Clerk = "clerk",
    /// Runs everything.
    Admin = "admin",
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The server itself: set-up and scheduled work.
    System,
    /// Whoever may run the program beside the server: `tillsight …` on the command line.
    CommandLine,
    /// A signed-in person; `store` is set for clerks.
    Person {
        /// Whose token it was.
        id: UserId,
        /// What they may do, read from the database with this request.
        role: Role,
        /// The store a clerk belongs to.
        store: Option<StoreId>,
    },
    /// An enrolled device of a store.
    Kiosk {
        /// Which device.
        id: KioskId,
        /// The store it stands in.
        store: StoreId,
    },
}

impl Actor {
    /// Whether this actor may read and change the affairs of `store`.
    pub fn serves(&self, store: StoreId) -> bool {
        match self {
            Self::System | Self::CommandLine | Self::Person { role: Role::Admin, .. } => true,
            Self::Person { role: Role::Clerk, store: own, .. } => *own == Some(store),
            Self::Person { role: Role::User, .. } => false,
            Self::Kiosk { store: own, .. } => *own == store,
        }
    }

    /// The person's id, where a person acts.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            Self::System | Self::CommandLine | Self::Kiosk { .. } => None,
        }
    }

    /// The device's id, where a kiosk acts.
    pub fn kiosk_id(&self) -> Option<KioskId> {
        match self {
            Self::Kiosk { id, .. } => Some(*id),
            Self::System | Self::CommandLine | Self::Person { .. } => None,
        }
    }

    /// `system`, `command line`, `user:<id>` or `kiosk:<id>`, for audit rows, logs and the scope of idempotency keys.
    pub fn label(&self) -> String {
        match self {
            Self::System => "system".to_owned(),
            Self::CommandLine => "command line".to_owned(),
            Self::Person { id, .. } => format!("user:{id}"),
            Self::Kiosk { id, .. } => format!("kiosk:{id}"),
        }
    }
}

/// Who acts and from where: known after authentication, handed to every use case that someone may have to answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Network address of the client, where there is one.
    pub address: Option<String>,
}

impl Caller {
    /// The server itself.
    pub fn system() -> Self {
        Self { actor: Actor::System, address: None }
    }

    /// Whoever runs the program on the command line.
    pub fn command_line() -> Self {
        Self { actor: Actor::CommandLine, address: None }
    }
}

//! Names that were stored before names were in NFC, or by a server of such a version on the same database: they are put into the
//! form in which they are looked for and compared.

use uuid::Uuid;

use super::{Backend, Database, DatabaseError, Tx, run_query};
use crate::domain::to_nfc;

/// Names with accents, Hangul vowels or marks of kana that stand for themselves.
macro_rules! select_decomposed {
    (postgres, $table:literal, $column:literal) => {
        concat!("SELECT id, ", $column, " FROM ", $table, " WHERE ", $column, " ~ '[\\u0300-\\u036f\\u1161-\\u11ff\\u3099\\u309a]'")
    };
    (sqlite, $table:literal, $column:literal) => {
        concat!(
            "SELECT id, ", $column, " FROM ", $table, " WHERE ", $column,
            " GLOB '*[' || char(768) || '-' || char(879) || char(4449) || '-' || char(4607) || char(12441) || char(12442) || ']*'"
        )
    };
}

const USERS: [&str; 2] =
    [select_decomposed!(postgres, "users", "username"), select_decomposed!(sqlite, "users", "username")];
const STORES: [&str; 2] =
    [select_decomposed!(postgres, "stores", "name"), select_decomposed!(sqlite, "stores", "name")];
const PRODUCTS: [&str; 2] =
    [select_decomposed!(postgres, "products", "name"), select_decomposed!(sqlite, "products", "name")];

impl Database {
    /// Puts the names of users, stores and products into NFC. A username that another user has in NFC stays as it is.
    pub async fn normalize_names(&self) -> Result<(), DatabaseError> {
        const RENAME_USER: &str =
            "UPDATE users SET username = $2 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE username = $2)";
        const RENAME_STORE: &str = "UPDATE stores SET name = $2 WHERE id = $1";
        const RENAME_PRODUCT: &str = "UPDATE products SET name = $2, name_folded = $3 WHERE id = $1";
        let (users, stores, products) =
            (self.decomposed(USERS).await?, self.decomposed(STORES).await?, self.decomposed(PRODUCTS).await?);
        let count = users.len() + stores.len() + products.len();
        if count == 0 {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (id, name) in users {
            rename(&mut tx, RENAME_USER, id, &name).await?;
        }
        for (id, name) in stores {
            rename(&mut tx, RENAME_STORE, id, &name).await?;
        }
        for (id, name) in products {
            let folded = name.to_lowercase();
            run_query!(tx, c => sqlx::query(RENAME_PRODUCT).bind(id).bind(&name).bind(&folded).execute(c))?;
        }
        tx.commit().await?;
        tracing::info!(names = count, "names were put into Unicode's form NFC");
        Ok(())
    }

    /// The rows that a query finds and that are not in NFC, with their names in NFC.
    async fn decomposed(&self, [postgres, sqlite]: [&'static str; 2]) -> Result<Vec<(Uuid, String)>, DatabaseError> {
        let select = match self.backend() {
            Backend::Postgres => postgres,
            Backend::Sqlite => sqlite,
        };
        let mut reader = self.read().await?;
        let rows: Vec<(Uuid, String)> = run_query!(reader, c => sqlx::query_as(select).fetch_all(c))?;
        let composed = rows.into_iter().map(|(id, name)| (id, to_nfc(&name), name));
        Ok(composed.filter(|(_, composed, name)| composed != name).map(|(id, composed, _)| (id, composed)).collect())
    }
}

async fn rename(tx: &mut Tx, update: &'static str, id: Uuid, name: &str) -> Result<(), DatabaseError> {
    run_query!(tx, c => sqlx::query(update).bind(id).bind(name).execute(c))?;
    Ok(())
}

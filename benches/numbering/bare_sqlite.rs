//! The bare statements of a confirmation on SQLite: one connection, prepared statements, nothing else. The same file and
//! settings as the service; SQLite has one writer however many clients there are.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::Null;
use rusqlite::{Connection, Row, Statement, ToSql};
use tillsight::db::{confirmation_sql, seals};

use super::fixture::{Batch, PRODUCTS, TAX_RATE, TOTAL, product, uuid};

/// Seals and request hashes have as many bytes.
const SEAL: [u8; 32] = [0x5e; 32];

/// A statement, and where SQLite has put `$1`, `$2` …: it counts them by where they first stand in the text.
struct Prepared<'c> {
    statement: Statement<'c>,
    places: Vec<usize>,
}

/// Every statement, prepared once.
struct Statements<'c> {
    begin: Prepared<'c>,
    close_session: Prepared<'c>,
    read_bill: Prepared<'c>,
    take_number: Prepared<'c>,
    insert_order: Prepared<'c>,
    insert_items: Prepared<'c>,
    keep_seal: Prepared<'c>,
    keep_reply: Prepared<'c>,
    commit: Prepared<'c>,
}

/// Confirms a batch; gives transactions per second. `reply` is kept with each order.
pub fn run(file: &Path, batch: Batch, reply: &str) -> f64 {
    let database = Connection::open(file).expect("the database");
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                    PRAGMA busy_timeout = 5000;";
    database.execute_batch(settings).expect("settings");
    let prepare = |text: &str| {
        let statement = database.prepare(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let place = |value: usize| statement.parameter_index(&format!("${value}")).expect("a name");
        Prepared { places: (1..).map_while(place).collect(), statement }
    };
    let mut statements = Statements {
        begin: prepare("BEGIN IMMEDIATE"),
        close_session: prepare(confirmation_sql::CLOSE_SESSION),
        read_bill: prepare(confirmation_sql::READ_BILL),
        take_number: prepare(confirmation_sql::TAKE_NUMBER),
        insert_order: prepare(confirmation_sql::INSERT_ORDER),
        insert_items: prepare(confirmation_sql::INSERT_ITEMS),
        keep_seal: prepare(confirmation_sql::SET_LAST_HASH),
        keep_reply: prepare(confirmation_sql::INSERT_REPLY),
        commit: prepare("COMMIT"),
    };
    let begun = Instant::now();
    for session in batch.first..batch.first + batch.count as u64 {
        let now = i64::try_from(session).expect("small");
        let confirmed = statements.confirm(session, batch.store(session), now, reply);
        confirmed.unwrap_or_else(|error| panic!("session {session}: {error}"));
    }
    batch.count as f64 / begun.elapsed().as_secs_f64()
}

impl Statements<'_> {
    fn confirm(&mut self, session: u64, store: u64, now: i64, reply: &str) -> rusqlite::Result<()> {
        let key = format!("bill-{session}");
        let (session_id, store_id) = (uuid(session).into_bytes(), uuid(store).into_bytes());
        let lines = all(&mut self.read_bill, &[&session_id, &1], |_| Ok(()))?;
        assert_eq!(lines.len(), PRODUCTS.len());
        all(&mut self.begin, &[], |_| Ok(()))?;
        let closed = all(&mut self.close_session, &[&session_id, &"confirmed", &now, &0, &1, &i64::MAX], |row| {
            row.get::<_, i64>("version")
        })?;
        assert_eq!(closed, [2], "the version of a closed session");
        let taken = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        let taken = all(&mut self.take_number, &[&store_id, &"order", &SEAL], taken)?;
        let (number, previous) = taken.into_iter().next().expect("a number");
        let claim = format!("bare {session}");
        // The session's identifier serves as the order's too, and the store's as its kiosk's.
        let order: [&dyn ToSql; 18] = [
            &session_id,
            &store_id,
            &number,
            &session_id,
            &store_id,
            &TOTAL,
            &"EUR",
            &claim,
            &now,
            &previous,
            &SEAL,
            &seals::ORDER_VERSION,
            &true,
            &Null,
            &"Store",
            &Null,
            &Null,
            &"UTC",
        ];
        all(&mut self.insert_order, &order, |_| Ok(()))?;
        let lines = PRODUCTS.into_iter().enumerate().map(|(place, (name, price))| {
            (place as i64 + 1, product(place).uuid().into_bytes(), name, format!("SKU-{place}"), price)
        });
        let lines: Vec<_> = lines.collect();
        let mut items: Vec<&dyn ToSql> = vec![&session_id];
        for (line, id, name, sku, price) in &lines {
            let item: [&dyn ToSql; 14] =
                [line, id, name, sku, &Null, &1, price, price, &Null, &0, &Null, &0, &TAX_RATE, &8];
            items.extend(item);
        }
        items.resize(1 + 14 * confirmation_sql::LINES, &Null);
        all(&mut self.insert_items, &items, |_| Ok(()))?;
        all(&mut self.keep_seal, &[&store_id, &"order", &SEAL, &now], |_| Ok(()))?;
        all(&mut self.keep_reply, &[&"bare", &key, &SEAL, &reply, &now], |_| Ok(()))?;
        all(&mut self.commit, &[], |_| Ok(()))?;
        Ok(())
    }
}

/// Runs a statement with `values` for `$1`, `$2` … to its end; gives what `read` makes of each row.
fn all<T>(
    prepared: &mut Prepared<'_>,
    values: &[&dyn ToSql],
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    assert_eq!(prepared.places.len(), values.len(), "a value for each place");
    for (place, value) in prepared.places.iter().zip(values) {
        prepared.statement.raw_bind_parameter(*place, value)?;
    }
    let mut rows = prepared.statement.raw_query();
    let mut made = Vec::new();
    while let Some(row) = rows.next()? {
        made.push(read(row)?);
    }
    Ok(made)
}

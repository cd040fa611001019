//! The database: whether it answers, fits this program and can be written to; and the clock, against it.

use std::path::Path;

use super::check::Check;
use crate::app::{StartError, refuse_damaged_database, refuse_lost_database};
use crate::cli::describe_database_error;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Database, DatabaseError, MigrationState, idempotency_keys, newest_id, sqlite_file};
use crate::domain::Timestamp;

const DATABASE: &str = "database";
const CLOCK: &str = "clock";
/// Room for a superuser and for back-ups.
const RESERVED_CONNECTIONS: i64 = 5;
/// Leases end after half a minute by the clock of the server that looks.
const CLOCK_BROKEN_S: f64 = 30.0;
/// What a machine that keeps its time by NTP never reaches.
const CLOCK_WARNING_S: f64 = 2.0;
/// 2025-01-01: before this program was built. A machine without a battery begins in 1970.
const BUILT_AFTER: Timestamp = Timestamp::from_micros(1_735_689_600_000_000);

/// What the database says of time.
#[derive(Debug, Default)]
struct DatabaseTimes {
    /// By how many seconds the database's clock is ahead of this machine's.
    ahead_s: Option<f64>,
    newest_record: Option<Timestamp>,
}

/// The checks of the database and of the clock.
pub(super) async fn check_database_and_clock(settings: &Settings) -> [Check; 2] {
    let mut times = DatabaseTimes::default();
    let database = match check_database(settings, &mut times).await {
        Ok(check) => check,
        Err(error) => Check::broken(DATABASE, describe_database_error(&error), unreachable_advice(settings)),
    };
    [database, check_clock(Clock::system().now(), &times)]
}

fn unreachable_advice(settings: &Settings) -> String {
    match sqlite_file(&settings.database_url) {
        Ok(Some(file)) => {
            format!("See that {} and its folder can be read and written by this user.", file.display())
        }
        Ok(None) => {
            "See that PostgreSQL runs and that TILLSIGHT_DATABASE_URL has its address, user and password.".to_owned()
        }
        Err(_) => "Correct TILLSIGHT_DATABASE_URL.".to_owned(),
    }
}

async fn check_database(settings: &Settings, times: &mut DatabaseTimes) -> Result<Check, DatabaseError> {
    let advice = "Do not start a server until then.";
    match refuse_lost_database(settings).await {
        Ok(()) => {}
        Err(StartError::Database(error)) => return Err(error),
        Err(error) => return Ok(Check::broken(DATABASE, error.to_string(), advice)),
    }
    let file = sqlite_file(&settings.database_url)?;
    if let Some(file) = &file
        && is_absent(file)
    {
        return Ok(Check::good(DATABASE, format!("{} does not exist yet; the first start makes it", file.display())));
    }
    if let Err(error) = refuse_damaged_database(settings).await {
        return Ok(Check::broken(DATABASE, error.to_string(), advice));
    }
    let db = Database::connect_to_read(&settings.database_url, 1).await?;
    let state = read_state(&db, times).await;
    db.close().await;
    let (migrations, connections_max) = state?;
    if migrations.is_newer {
        let finding = format!("its tables are of a newer version of tillsight (migration {})", migrations.newest);
        return Ok(Check::broken(
            DATABASE,
            finding,
            "Start the newer program, or restore the back-up made before the upgrade.",
        ));
    }
    if migrations.newest > 0
        && migrations.pending == 0
        && let Err(error) = try_to_write(settings).await
    {
        let finding = format!("it can be read but not written: {error}");
        return Ok(Check::broken(DATABASE, finding, unreachable_advice(settings)));
    }
    Ok(judge(settings, file.as_deref(), migrations, connections_max))
}

fn is_absent(file: &Path) -> bool {
    std::fs::metadata(file).map_or(true, |metadata| metadata.len() == 0)
}

async fn read_state(db: &Database, times: &mut DatabaseTimes) -> Result<(MigrationState, Option<i64>), DatabaseError> {
    if let Some(there) = db.server_time().await? {
        times.ahead_s = Some((there.micros() - Clock::system().now().micros()) as f64 / 1e6);
    }
    let migrations = db.migration_state().await?;
    if migrations.newest > 0 && migrations.pending == 0 {
        let newest = newest_id::find(&mut db.read().await?).await?;
        let time = newest.and_then(|id| id.get_timestamp()).map(|time| time.to_unix());
        times.newest_record = time.map(|(seconds, nanos)| {
            Timestamp::from_micros(i64::try_from(seconds).unwrap_or_default() * 1_000_000 + i64::from(nanos) / 1_000)
        });
    }
    Ok((migrations, db.connections_max().await?))
}

/// Writes a row and takes it back.
async fn try_to_write(settings: &Settings) -> Result<(), DatabaseError> {
    let db = Database::open(&settings.database_url, 2).await?;
    let written = async {
        let mut tx = db.begin().await?;
        idempotency_keys::delete_probe(&mut tx).await?;
        idempotency_keys::insert_probe(&mut tx, vec![0; 32]).await
    };
    let written = written.await;
    db.close().await;
    written
}

fn judge(settings: &Settings, file: Option<&Path>, migrations: MigrationState, connections_max: Option<i64>) -> Check {
    let subject = match file {
        Some(file) => format!("SQLite file {}", file.display()),
        None => "PostgreSQL".to_owned(),
    };
    if migrations.newest == 0 {
        return Check::good(DATABASE, format!("{subject} answers and is empty; the first start makes the tables"));
    }
    if migrations.pending > 0 {
        let finding = format!("{subject} answers, with pending migrations: {}", migrations.pending);
        return Check::warning(DATABASE, finding, "Back up (tillsight backup DIR); the next start migrates.");
    }
    let needed = i64::from(settings.limits.database_connections) + 1;
    if let Some(most) = connections_max
        && most < needed + RESERVED_CONNECTIONS
    {
        let finding = format!("{subject} takes {most} connections, and each server opens up to {needed}");
        let advice = "Raise max_connections of PostgreSQL, or lower limits.database_connections.";
        return Check::warning(DATABASE, finding, advice);
    }
    Check::good(DATABASE, format!("{subject} answers, can be written, and has migration {}", migrations.newest))
}

fn check_clock(now: Timestamp, times: &DatabaseTimes) -> Check {
    let advice = "Let NTP set it (timedatectl set-ntp true).";
    if now < BUILT_AFTER {
        return Check::broken(CLOCK, format!("it shows {now}, before this program was made"), advice);
    }
    if let Some(ahead_s) = times.ahead_s
        && ahead_s.abs() >= CLOCK_WARNING_S
    {
        let direction = if ahead_s > 0.0 { "behind" } else { "ahead of" };
        let finding = format!("it is {:.1} s {direction} the clock of the database's machine", ahead_s.abs());
        let advice = "Let NTP set both clocks (timedatectl set-ntp true).";
        return match ahead_s.abs() >= CLOCK_BROKEN_S {
            true => {
                Check::broken(CLOCK, format!("{finding}; leases of other servers end too early or too late"), advice)
            }
            false => Check::warning(CLOCK, finding, advice),
        };
    }
    if let Some(newest) = times.newest_record
        && newest.micros() - now.micros() > (CLOCK_WARNING_S * 1e6) as i64
    {
        let finding =
            format!("it shows {now}, but the newest record is from {newest}: it was set back, or was ahead then");
        return Check::warning(CLOCK, finding, advice);
    }
    let compared = if times.ahead_s.is_some() { ", as the database's machine does" } else { "" };
    Check::good(CLOCK, format!("it shows {now}{compared}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::CheckState;

    #[test]
    fn a_clock_that_differs_is_told_with_both_times() {
        let now = BUILT_AFTER.plus_seconds(86_400);
        let state = |ahead_s, newest_record| {
            let check = check_clock(now, &DatabaseTimes { ahead_s, newest_record });
            (check.state, check.finding)
        };
        assert_eq!(state(None, None).0, CheckState::Good);
        assert_eq!(state(Some(-1.0), Some(now)).0, CheckState::Good);
        let (warning, finding) = state(Some(-5.0), None);
        assert!(warning == CheckState::Warning && finding.contains("5.0 s ahead of"), "{finding}");
        assert_eq!(state(Some(31.0), None).0, CheckState::Broken);
        let (set_back, finding) = state(Some(0.0), Some(now.plus_seconds(3_600)));
        assert!(set_back == CheckState::Warning && finding.contains("2025-01-02T01:00:00Z"), "{finding}");
        let dead = check_clock(Timestamp::from_micros(0), &DatabaseTimes::default());
        assert!(dead.state == CheckState::Broken && dead.finding.contains("1970"), "{dead:?}");
    }
}

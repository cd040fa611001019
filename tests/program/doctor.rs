//! `tillsight doctor` on a healthy machine, and with each thing broken.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::skip::skip;
use crate::{MODEL, PASSWORD, Server, tillsight};

/// The exit code of `tillsight doctor`, and each check by name with its state, finding and advice.
#[track_caller]
fn diagnose(mut command: Command) -> (Option<i32>, BTreeMap<String, [String; 3]>) {
    let output = command.arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let diagnosis: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {output:?}"));
    let field = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let checks = diagnosis["checks"].as_array().unwrap().iter();
    let checks =
        checks.map(|check| (field(check, "name"), ["state", "finding", "advice"].map(|name| field(check, name))));
    (output.status.code(), checks.collect())
}

#[test]
fn the_doctor_finds_a_healthy_machine_healthy_before_and_after_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let before = diagnose(tillsight(folder.path(), &["doctor"]));
    assert!(!folder.path().join("data").exists(), "it changes nothing");
    drop(Server::start(folder.path(), Some(PASSWORD)));
    let after = diagnose(tillsight(folder.path(), &["doctor"]));
    for (code, checks) in [&before, &after] {
        // The disk and the memory of a test machine may be low.
        let (names, others): (Vec<_>, Vec<_>) =
            checks.iter().partition(|(name, _)| !["disk", "memory", "open files"].contains(&name.as_str()));
        assert!(names.iter().all(|(_, [state, ..])| state == "good"), "{checks:?}");
        assert!(others.iter().all(|(_, [state, ..])| state != "broken"), "{checks:?}");
        assert_eq!((code, checks.len()), (&Some(0), 12), "{checks:?}");
    }
    assert!(before.1["database"][1].contains("does not exist yet"), "{before:?}");
    assert!(after.1["database"][1].contains("can be written"), "{after:?}");
    // The shipped model is found from any folder.
    let text = tillsight(folder.path(), &["doctor"]).env_remove("TILLSIGHT_MODEL").output().unwrap().stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("\ngood     model "), "{text}");
    assert!(text.lines().count() == 12 && text.starts_with("good     settings "), "{text}");
}

#[test]
fn the_doctor_names_each_thing_that_is_broken_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(folder.path(), Some(PASSWORD)));
    let broken = |name: &str, settings: &[(&str, &str)], told: &str, advised: &str| {
        let mut command = tillsight(folder.path(), &["doctor"]);
        command.envs(settings.iter().copied());
        let (code, checks) = diagnose(command);
        let [state, finding, advice] = &checks[name];
        assert!(finding.contains(told) && advice.contains(advised), "{name}: {checks:?}");
        assert_eq!((state.as_str(), code), ("broken", Some(1)), "{name}: {checks:?}");
        checks
    };
    let checks = broken("settings", &[("TILLSIGHT_LIMITS__PAGE", "0")], "limits.page", "tillsight settings");
    assert!(checks["model"][1].contains("not checked") && checks["runtime"][0] == "good", "{checks:?}");
    broken("model", &[("TILLSIGHT_MODEL", "nowhere/model.json")], "nowhere/model.json", "TILLSIGHT_MODEL");
    let library = [("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")];
    let checks = broken("runtime", &library, "/nowhere/libonnxruntime.so", "make setup");
    assert!(checks["model"][1].contains("not checked"), "{checks:?}");
    let away = [("TILLSIGHT_DATABASE_URL", "postgres://nobody:hunter2secret@127.0.0.1:1/none")];
    let checks = broken("database", &away, "127.0.0.1:1/none", "PostgreSQL runs");
    assert!(!format!("{checks:?}").contains("hunter2secret"), "{checks:?}");
    let lost = format!("sqlite://{}/other.db", folder.path().display());
    broken("database", &[("TILLSIGHT_DATABASE_URL", &lost)], "its database is lost or elsewhere", "Do not start");
    broken("disk", &[("TILLSIGHT_DATA_DIR", "/proc/nothing")], "/proc/nothing", "write to /proc");
    broken("address", &[("TILLSIGHT_BIND", "192.0.2.1:8000")], "192.0.2.1:8000", "TILLSIGHT_BIND");
    broken("https", &[("TILLSIGHT_TLS_CERT", "no.pem"), ("TILLSIGHT_TLS_KEY", "no.pem")], "no.pem", "tls_cert");
    let reached = [("TILLSIGHT_BIND", "0.0.0.0:0")];
    let mut command = tillsight(folder.path(), &["doctor"]);
    command.envs(reached);
    let (code, checks) = diagnose(command);
    assert!(code == Some(0) && checks["https"][0] == "warning" && checks["https"][2].contains("--tls"), "{checks:?}");
}

/// Limits of the process, and disks that only it sees. `sh` sets them before the program.
#[test]
fn the_doctor_notices_low_limits_and_disks_that_are_full_or_read_only() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(folder.path(), Some(PASSWORD)));
    let within = |program: &str, arguments: &[&str], script: &str| {
        let mut command = Command::new(program);
        let set_up = format!("{script} && exec \"$0\" doctor \"$@\"");
        command.args(arguments).args(["sh", "-c", &set_up, env!("CARGO_BIN_EXE_tillsight")]).current_dir(folder.path());
        command
            .env("TILLSIGHT_MODEL", MODEL)
            .env("TILLSIGHT_BIND", "127.0.0.1:0")
            .env_remove("TILLSIGHT_ADMIN_PASSWORD");
        command.env_remove("TILLSIGHT_TEST_POSTGRES_URL");
        command
    };
    let (code, checks) = diagnose(within("env", &[], "ulimit -n 100"));
    let [state, finding, advice] = &checks["open files"];
    assert!(
        state == "broken" && finding.starts_with("100 are allowed") && advice.contains("LimitNOFILE="),
        "{checks:?}"
    );
    assert_eq!(code, Some(1));
    let namespace = ["--map-root-user", "--mount"];
    let allowed = Command::new("unshare").args(namespace).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        skip(
            "the_doctor_notices_low_limits_and_disks_that_are_full_or_read_only",
            "no mount in a namespace of its own",
        );
        return;
    }
    std::fs::create_dir(folder.path().join("small")).unwrap();
    for (then, told, advised) in [
        ("true", "the disk is full", "Free some space"),
        ("mount -o remount,ro small", "its disk may only be read", "Mount the disk"),
    ] {
        let mut command = within("unshare", &namespace, &format!("mount -t tmpfs -o size=512k tmpfs small && {then}"));
        command.env("TILLSIGHT_DATA_DIR", "small").env("TILLSIGHT_DATABASE_URL", "sqlite://data/tillsight.db");
        let (code, checks) = diagnose(command);
        let [state, finding, advice] = &checks["disk"];
        assert!(state == "broken" && finding.contains(told) && advice.contains(advised), "{checks:?}");
        assert_eq!((code, checks["database disk"][0].as_str()), (Some(1), "good"), "{checks:?}");
    }
}

//! `compose.yaml`, as far as it can be judged without an engine.

use std::net::Ipv4Addr;

use super::pages::root;
use super::skip::skip;

fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let after = text.split(&format!("{name}: ")).nth(1).unwrap_or_else(|| panic!("compose.yaml has no {name}"));
    after.lines().next().unwrap().trim()
}

/// First and last address of a network such as `172.28.5.0/24`.
fn range(network: &str) -> (u32, u32) {
    let (address, bits) = network.split_once('/').unwrap();
    let size = 1 << (32 - bits.parse::<u32>().unwrap());
    let first = u32::from(address.parse::<Ipv4Addr>().unwrap());
    (first, first + size - 1)
}

/// Docker gives addresses of `ip_range`, from the first on. A fixed one in it may be taken when its container starts.
#[test]
fn the_proxys_address_is_in_the_network_and_never_given_to_another() {
    let text = std::fs::read_to_string(root().join("compose.yaml")).unwrap();
    let fixed = value(&text, "ipv4_address");
    let (subnet, given) = (range(value(&text, "subnet")), range(value(&text, "ip_range")));
    let address = u32::from(fixed.parse::<Ipv4Addr>().unwrap());
    assert!((subnet.0 + 2..subnet.1).contains(&address), "{fixed} is the gateway's or not in the network");
    assert!(subnet.0 <= given.0 && given.1 <= subnet.1);
    assert!(!(given.0..=given.1).contains(&address), "another container may get {fixed}");
    assert_eq!(value(&text, "TILLSIGHT_TRUSTED_PROXIES"), format!("\"[{fixed}]\""));
}

/// Over plain HTTP nobody signs in by page, and no browser gives its camera.
#[test]
fn the_proxy_serves_https_alone_with_the_certificate_that_its_script_makes() {
    let text = std::fs::read_to_string(root().join("compose.yaml")).unwrap();
    let listens: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("listen ")).collect();
    assert_eq!(listens, ["listen 8443 ssl;"]);
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        return skip(
            "compose::the_proxy_serves_https_alone_with_the_certificate_that_its_script_makes",
            "there is no openssl",
        );
    }
    let script = text.split("  certificate:\n    content: |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = script.replace("$$", "$").replace("cd /etc/nginx/certificate", "");
    let make = |host: &str| {
        let mut shell = std::process::Command::new("sh");
        let output = shell.args(["-c", &script]).current_dir(&folder).env("TILLSIGHT_HOST", host).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::read(folder.path().join("certificate.pem")).unwrap()
    };
    let made = make("192.0.2.7");
    assert!(made.starts_with(b"-----BEGIN CERTIFICATE"));
    assert_eq!(make("192.0.2.7"), made, "kept while it is good");
    for named in ["/certificate.pem;", "/key.pem;"] {
        assert!(text.contains(&format!("/etc/nginx/certificate{named}")), "{named}");
    }
    assert!(folder.path().join("key.pem").exists());
}

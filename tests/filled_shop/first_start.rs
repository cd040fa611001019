//! A server in a process of its own whose admin has not chosen a password yet.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::MODEL;

/// Ended when it is dropped.
pub struct FirstStart {
    pub url: String,
    pub one_time_password: String,
    server: Child,
    _folder: tempfile::TempDir,
}

impl FirstStart {
    pub fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        program.arg("serve").current_dir(folder.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TILLSIGHT_")) {
            program.env_remove(name);
        }
        program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_MODEL", MODEL);
        let mut server = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (mut url, mut one_time_password) = (None, None);
        while url.is_none() || one_time_password.is_none() {
            let line = lines.next().expect("the server says where it listens, and the password");
            let after = |words: &str| line.split_once(words).map(|(_, rest)| rest.to_owned());
            url = url.or_else(|| after("listens on "));
            one_time_password = one_time_password.or_else(|| after("one-time password: "));
        }
        // A closed pipe would end the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { url: url.unwrap(), one_time_password: one_time_password.unwrap(), server, _folder: folder }
    }
}

impl Drop for FirstStart {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ended = self.server.kill();
        let _reaped = self.server.wait();
    }
}

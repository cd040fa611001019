//! The folder that a command runs in, and reading what it printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
const PRODUCTS: usize = 6;
const VIEWS: usize = 6;

/// A folder with a copy of the shipped model and a folder `photos` of rendered packages.
pub struct Workspace(pub TempDir);

impl Workspace {
    pub fn new() -> Self {
        let workspace = Self(TempDir::new().unwrap());
        for name in ["tillsight-small.json", "tillsight-small.onnx"] {
            std::fs::copy(Path::new(MODELS).join(name), workspace.path(name)).unwrap();
        }
        workspace
    }

    pub fn with_packages() -> Self {
        let workspace = Self::new();
        let (products, views) = (PRODUCTS.to_string(), VIEWS.to_string());
        workspace.run_successfully(&[
            "render",
            "--products",
            &products,
            "--views",
            &views,
            "--side",
            "160",
            "--out",
            "photos",
        ]);
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        command.args(arguments).current_dir(self.0.path()).env("TILLSIGHT_MODEL", "tillsight-small.json");
        command.output().unwrap()
    }

    /// Standard output and standard error of a run that must succeed.
    #[track_caller]
    pub fn run_successfully(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        (out, err)
    }

    /// The last line of a run that must fail.
    #[track_caller]
    pub fn run_to_failure(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        let lines: Vec<&str> = err.lines().filter(|line| line.starts_with("tillsight: ")).collect();
        assert_eq!((lines.len(), err.lines().last()), (1, lines.last().copied()), "{err}");
        lines[0].to_owned()
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The line of the table with the figure, with runs of blanks as one blank.
pub fn line(table: &str, figure: &str) -> String {
    let line =
        table.lines().find(|line| line.contains(figure)).unwrap_or_else(|| panic!("no \"{figure}\" in\n{table}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn percent(share: &Value) -> String {
    format!("{:.1} %", share.as_f64().unwrap() * 100.0)
}

/// The answers in all bins of a confidence.
pub fn count_of_bins(confidence: &Value) -> u64 {
    let bins = confidence["bins"].as_array().unwrap();
    assert_eq!((bins.len(), &bins[9]["to"]), (10, &1.0.into()));
    bins.iter().map(|bin| bin["answers"].as_u64().unwrap()).sum()
}

/// The report without the measured times.
pub fn without_times(mut report: Value) -> Value {
    for model in report["models"].as_array_mut().unwrap() {
        model["speed"].take();
    }
    report
}

//! The guide for integrators, run as it stands: each command, in one shell, and what it says that they show.

use std::process::Command;

/// A block of commands, and the lines that must be in its output.
#[derive(Debug)]
struct Step {
    line: usize,
    commands: String,
    shows: Vec<String>,
}

/// The fenced blocks of the guide: `sh` is run, `text` is expected of the commands before it.
fn steps(guide: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = guide.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else {
            continue;
        };
        let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        match kind {
            "sh" => steps.push(Step {
                line: number + 1,
                commands: block.map(|line| format!("{line}\n")).collect(),
                shows: Vec::new(),
            }),
            "text" => {
                let last = steps.last_mut().expect("something was run before");
                last.shows.extend(block.map(str::to_owned));
            }
            _ => drop(block.count()),
        }
    }
    steps
}

fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

#[test]
fn the_guide_goes_from_nothing_to_a_synced_tenant() {
    let mut guide = include_str!("../../mappings/CONNECT.md").to_owned();
    for port in ["8443", "8080", "8081"] {
        guide = guide.replace(port, &free_port());
    }
    let steps = steps(&guide);
    assert!(steps.len() > 8 && steps.iter().filter(|step| !step.shows.is_empty()).count() > 6);
    let mut script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n".to_owned();
    for step in &steps {
        script.push_str(&format!("echo '::{}'\n{}", step.line, step.commands));
    }
    script.push_str("echo '::end'\n");
    let folder = tempfile::tempdir().unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_inzage"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    // Its own limit: a guide that hangs must not hang the tests.
    let output = Command::new("timeout")
        .args(["240", "bash", "-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("::end\n"), "the guide stopped:\n{text}");
    for step in &steps {
        let start = format!("::{}\n", step.line);
        let shown = text.split(&start).nth(1).unwrap().split("\n::").next().unwrap();
        for line in &step.shows {
            assert!(
                shown.contains(line.trim_end()),
                "line {}: does not show `{line}`:\n{shown}",
                step.line
            );
        }
    }
}

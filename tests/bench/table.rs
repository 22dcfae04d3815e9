//! What came out, as a Markdown table.

use std::fmt;

use super::load::Load;

/// Lines in the order in which they were measured.
#[derive(Default)]
pub struct Table(Vec<[String; 7]>);

/// What a request cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Microseconds of processor time of the server process.
    pub server: f64,
    /// The same of the database's processes, where it has its own.
    pub database: f64,
}

const HEAD: [&str; 7] = [
    "what",
    "measured",
    "ceiling",
    "ratio",
    "p50 / p99 ms",
    "CPU us (+ database)",
    "goal",
];

impl Table {
    /// A number that stands alone.
    pub fn fact(&mut self, what: &str, measured: String, goal: &str) {
        self.push([what, &measured, "", "", "", "", goal].map(str::to_owned));
    }

    /// Requests a second, and what they are compared with.
    pub fn rate(&mut self, what: &str, load: &Load, cost: Cost, ceiling: Option<&Load>, goal: &str) {
        let ratio = ceiling.map(|ceiling| format!("{:.0} %", 100.0 * load.per_second() / ceiling.per_second()));
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let mut spent = format!("{:.0}", cost.server);
        if cost.database > 0.0 {
            spent.push_str(&format!(" + {:.0}", cost.database));
        }
        self.push([
            what.to_owned(),
            format!("{:.0}/s", load.per_second()),
            ceiling
                .map(|ceiling| format!("{:.0}/s", ceiling.per_second()))
                .unwrap_or_default(),
            ratio.unwrap_or_default(),
            format!("{:.2} / {:.2}", milliseconds(load.p50), milliseconds(load.p99)),
            spent,
            goal.to_owned(),
        ]);
    }

    fn push(&mut self, line: [String; 7]) {
        let told: Vec<&str> = line
            .iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        eprintln!("  {}", told.join("  |  "));
        self.0.push(line);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", HEAD.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(HEAD.len()))?;
        self.0
            .iter()
            .try_for_each(|line| writeln!(f, "| {} |", line.join(" | ")))
    }
}

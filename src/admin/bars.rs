//! Progress of a sync on the terminal; silent where there is none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::sync::Progress;

/// One line that first counts records and then clients.
pub(super) struct Bars {
    bar: Mutex<ProgressBar>,
    pulled: AtomicU64,
    name: String,
}

impl Bars {
    pub fn new(name: &str) -> Self {
        let style = ProgressStyle::with_template("{prefix:>10}  {msg}  {pos} records  {elapsed}")
            .expect("the template is right");
        let bar = ProgressBar::no_length().with_style(style).with_prefix(name.to_owned());
        Self {
            bar: Mutex::new(bar),
            pulled: AtomicU64::new(0),
            name: name.to_owned(),
        }
    }

    pub fn show(&self, progress: Progress) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match progress {
            Progress::Pulled(kind, count) => {
                let pulled = self.pulled.fetch_add(count, Ordering::Relaxed) + count;
                bar.set_message(format!("reading {kind}"));
                bar.set_position(pulled);
            }
            Progress::Published(done, total) => {
                if bar.length().is_none() {
                    bar.finish_and_clear();
                    let style = ProgressStyle::with_template("{prefix:>10}  publishing {wide_bar} {pos}/{len}  {eta}")
                        .expect("the template is right");
                    *bar = ProgressBar::new(total).with_style(style).with_prefix(self.name.clone());
                }
                bar.set_position(done);
            }
        }
    }

    pub fn finish(&self) {
        self.bar
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .finish_and_clear();
    }
}

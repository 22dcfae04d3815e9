//! How fast the gateway is, measured on the real program against what the same machine can do at most.
//!
//! ```sh
//! cargo bench --bench gateway -- --clients 250 --seconds 5
//! cargo bench --bench gateway -- --database postgres://postgres@127.0.0.1:5432/postgres
//! ```
//!
//! # Design
//! Every part is a process of its own, so that each one's processor time and memory can be told apart: the mock ECD
//! (`inzage mock ons`), the load (`inzage sync`), the gateway (`inzage serve`), the ceiling ([`bare`]) and this one, which sends
//! the requests. Nothing in the gateway is switched off: mutual TLS to the source, access tokens, rights, audit lines, log lines.
//!
//! A rate in requests a second says more about the machine than about the program. So each one stands beside a ceiling from
//! the same run: a bare axum route that serves the same bytes from the same table on the same database, with and without an
//! audit line that is committed before the answer. Processor time a request is the steadier number on a busy machine.

mod bare;
mod exporting;
mod load;
mod options;
mod people;
mod process;
mod serving;
mod storing;
mod table;
mod tokens;
mod world;

use options::{Options, Part};
use table::Table;
use world::World;

/// That of the program: the mapping is measured in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let part = options::read(std::env::args().skip(1));
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("no other provider was installed before");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    match part {
        Part::Bare { database } => runtime.block_on(bare::serve(&database)),
        Part::Bench(options) => runtime.block_on(bench(options)),
        Part::Nothing => {}
    }
}

async fn bench(options: Options) {
    let mut table = Table::default();
    let mut world = World::new(options).await;
    if world.options.only_refresh {
        tokens::refresh(&world, &mut table).await;
    } else {
        storing::measure(&mut world, &mut table).await;
        serving::measure(&mut world, &mut table).await;
        tokens::measure(&world, &mut table).await;
        exporting::measure(&world, &mut table).await;
    }
    println!("{table}");
    world.end().await;
}

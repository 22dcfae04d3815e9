//! `inzage demo`: the whole line on synthetic clients, on one machine, with nothing to set up.
//!
//! # Design
//! The demo makes what an operator would make: a key file, certificates, an `inzage.toml`, accounts and apps. Everything lies
//! in the data folder, and every other command works on it (`inzage sync --config inzage-demo/inzage.toml`). A second start
//! goes on with the same folder; accounts and apps are made once and `demo.json` remembers their secrets.
//!
//! Two organisations keep their dossiers in Ons and two in Caress, with the same people in the same parts. Treant is a Caress
//! house by its own guide. ASSUMPTION: Amaris is the other. Its guide names no product, but of the three that name none it
//! alone describes what Treant's does: the four sections dossier, agenda, messages and personal data, the board with
//! reactions, messages among contacts and none to staff, and rights that the client gives to each contact.

mod care;
mod cast;
mod folder;
mod house;
mod jwk;
mod source;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use self::source::{Mock, Product};
use super::cli::DemoOptions;
use super::definitions::Definitions;
use super::operate::new_key;
use super::sync::{Engine, patiently};
use super::told;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::ecd::mock::Population;
use crate::http::App;
use crate::secret::{Random, Secret};
use crate::sync::Want;

/// A demo that was killed while it synced leaves a lease of half a minute: the next one waits for its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// An organisation and what it works with. Each has the preset of its name.
struct House {
    id: &'static str,
    name: &'static str,
    product: Product,
}

const TENANTS: [House; 4] = [
    House {
        id: "topaz",
        name: "Topaz",
        product: Product::Ons,
    },
    House {
        id: "treant",
        name: "Treant",
        product: Product::Caress,
    },
    House {
        id: "vivantes",
        name: "Vivantes",
        product: Product::Ons,
    },
    House {
        id: "amaris",
        name: "Amaris",
        product: Product::Caress,
    },
];

pub(super) async fn run(options: DemoOptions) -> anyhow::Result<ExitCode> {
    let (clock, random) = (Clock::System, Random::Os);
    let data = std::path::absolute(&options.data)?;
    std::fs::create_dir_all(data.join("outbox")).with_context(|| format!("{} cannot be made", data.display()))?;
    let _taken = folder::take(&data, options.database.is_none())?;
    let key = data.join("master.key");
    if !key.exists() {
        new_key(&key, &random)?;
    }
    // Bound first: a port that is taken shows at once, and a port of 0 becomes a real one for every URL below.
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("--listen {}: the address is taken or not ours", options.listen))?;
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await?;

    eprintln!(
        "making {} synthetic clients for each of {} organisations",
        options.clients.max(10),
        TENANTS.len()
    );
    let today = clock
        .now()
        .to_zoned(jiff::tz::TimeZone::get("Europe/Amsterdam")?)
        .date();
    let mut mocks = Vec::new();
    for (number, house) in TENANTS.iter().enumerate() {
        let seed = options.seed + number as u64;
        let population = Arc::new(Population::generate(options.clients as usize, seed, today));
        mocks.push(Mock::start(house.product, house.id, population, &data, &clock).await?);
    }

    care::write(&data)?;
    house::write(&data)?;
    let file = data.join("inzage.toml");
    let text = configuration(&data, listener.local_addr()?, inside.local_addr()?, &mocks);
    std::fs::write(&file, &text)?;
    let mut config = Config::load(&file).map_err(|problems| told(&problems))?;
    if let Some(database) = &options.database {
        config.database = Secret::new(database.clone());
    }
    let db = Db::open(config.database.expose())
        .await
        .context("the database cannot be opened")?;

    let world = world::World {
        config: &config,
        db: &db,
        clock: &clock,
        random: &random,
        data: &data,
    };
    let demo = world.prepare(&mocks, inside.local_addr()?).await?;

    let (definitions, served) = Definitions::load(&config)?;
    for tenant in &config.tenants {
        let engine = Engine::new(&config, &db, tenant, &clock, &random, &definitions)?;
        let report = Box::pin(patiently(&engine, &Want::Everything, false, PATIENCE)).await?;
        eprintln!("{}\n{report}", tenant.id);
    }
    world.write(&demo)?;

    let url = config.server.public_url.clone();
    let app = App::with(config, db, clock, random, &served, Some(demo));
    drop(served);
    eprintln!(
        "\nInzage serves at {url}\nSMS codes arrive at {url}demo/outbox and in {}",
        data.join("outbox/sms.jsonl").display()
    );
    super::serve::until_stopped(app, definitions, listener, inside, None).await?;
    drop(mocks);
    Ok(ExitCode::SUCCESS)
}

/// Everybody is on one machine here, and a conformance run or a load test asks as fast as it can.
const LIMITS: &str = "
[server.limits]
fhir_per_minute = 1000000
fhir_at_once = 1000
fhir_per_app_per_hour = 1000000
token_per_minute = 1000000
network_per_minute = 1000000
unknown_tokens_per_minute = 1000000
network_connections = 4000
";

/// The demo's own `inzage.toml`.
fn configuration(data: &Path, listen: std::net::SocketAddr, inside: std::net::SocketAddr, mocks: &[Mock]) -> String {
    let mut text = format!(
        "# Written by `inzage demo` at every start.\n[server]\nlisten = \"{listen}\"\nadmin_listen = \"{inside}\"\n\
         public_url = \"http://{listen}/\"\nspool_dir = \"spool\"\n\n[database]\nurl = {}\n\n\
         [secrets]\nmaster_key_file = \"master.key\"\n\n[sms]\ntransport = \"drawer\"\ndir = \"outbox\"\n",
        toml::Value::String(format!("sqlite:{}", data.join("inzage.db").display())),
    );
    text.push_str(LIMITS);
    for (house, mock) in TENANTS.iter().zip(mocks) {
        let House { id, name, .. } = house;
        // A developer logs in more often than a client.
        let often = "sms.sends_per_hour = 20\nsms.sends_per_day = 50\nsms.sends_per_network_hour = 100000\n\
                     sms.sends_per_prefix_hour = 100000\nsms.budget_per_hour = 100000\nsms.budget_per_day = 1000000\n";
        text.push_str(&format!(
            "\n[tenant.{id}]\nname = \"{name}\"\npreset = \"{id}\"\nmap_patches = \"{}\"\n{often}\n{}\n{}",
            care::FOLDER,
            house::section(id),
            mock.section(id)
        ));
    }
    text
}

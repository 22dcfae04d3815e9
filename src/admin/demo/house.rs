//! What the demo's organisations say on their pages: terms, news and whom to ask. Made up, as the people are.

use std::path::Path;

use anyhow::Context as _;

/// The organisations that ask people to agree to terms.
const WITH_TERMS: [&str; 2] = ["topaz", "vivantes"];

const DUTCH: &str = "\
# Voor wie is dit?

U kijkt hier in het dossier van uzelf, of van iemand die u dat gevraagd heeft.

# Wat spreken we af?

Uw wachtwoord en uw telefoon zijn alleen van u. Deel ze met niemand.

Ga zorgvuldig om met wat u leest. U zet het niet op internet en geeft het niet door.

Verandert uw e-mailadres of mobiele nummer? Pas het dan aan in uw account.

# Wanneer houdt het op?

Zestig dagen na vertrek of overlijden stopt de toegang. U kunt zelf op elk moment stoppen. Wie zich niet aan deze afspraken houdt, \
verliest de toegang.
";

const ENGLISH: &str = "\
# Who is this for?

You look into your own record, or that of somebody who asked you to.

# What do we agree on?

Your password and your phone are yours alone. Share them with nobody.

Handle what you read with care. Do not publish it and do not pass it on.

Did your e-mail address or mobile number change? Change it in your account.

# When does it end?

Access ends sixty days after departure or death. You can stop at any moment. Who does not keep to this loses access.
";

const NEWS: &str = "Dit is een demo met verzonnen mensen. Zondag om 07.00 uur is er onderhoud.\n";

/// Writes the texts into the data folder.
pub(super) fn write(data: &Path) -> anyhow::Result<()> {
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    put(&data.join("news.txt"), NEWS)?;
    let folder = data.join("demo-terms");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    put(&folder.join("2026-01-01.nl.txt"), DUTCH)?;
    put(&folder.join("2026-01-01.en.txt"), ENGLISH)
}

/// The sections of the configuration that name them.
pub(super) fn section(id: &str) -> String {
    let mut text = format!(
        "[tenant.{id}.help]\ncontact = \"uw contactpersoon in de zorg\"\nhelpdesk = \"de helpdesk\"\nphone = \"088 000 00 00\"\n\
         email = \"helpdesk@{id}.example\"\nmanual_url = \"https://{id}.example/handleiding.pdf\"\nmanual_version = \"1.0\"\n\
         videos_url = \"https://{id}.example/videos\"\nrepresentation_url = \"https://{id}.example/vertegenwoordiging\"\n\
         news_file = \"news.txt\"\n"
    );
    if WITH_TERMS.contains(&id) {
        text.push_str(&format!(
            "[tenant.{id}.terms]\ndir = \"demo-terms\"\nprivacy_url = \"https://{id}.example/privacy\"\nprivacy_version = \"1.0\"\n"
        ));
    }
    text
}

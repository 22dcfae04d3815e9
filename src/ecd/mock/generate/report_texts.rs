//! Sentences of reports. Facts, short and respectful; every one made up. Their marks are those of `sentences::fits`.

use super::employee::Discipline;

/// By theme and in the order of a morning, so that a report does not tell of two breakfasts.
pub(super) const EARLY: [&[&str]; 8] = [
    &[
        "{P} was om {ochtend} wakker en had goed geslapen.",
        "{P} sliep nog toen wij om {ochtend} kwamen en werd rustig wakker gemaakt.",
        "{loopt}{P} zat om {ochtend} al klaar op de rand van het bed.",
    ],
    &[
        "{P} geholpen met douchen; {z} heeft gezicht en bovenlichaam zelf gewassen.",
        "{P} wilde vandaag niet douchen, met een washand aan de wastafel geholpen.",
        "Hulp gegeven bij het wassen van rug en voeten, de rest deed {p} zelf.",
        "{P} bepaalde zelf de volgorde bij het wassen, dat ging in alle rust.",
    ],
    &[
        "{P} heeft zelf de kleren uitgezocht en het vest zelf dichtgeknoopt.",
        "{P} zei stijf te zijn in de schouder, aankleden rustig aan gedaan.",
        "Steunkousen aangetrokken, huid van de benen is heel.",
        "{P} koos voor de blauwe trui; knopen gingen met hulp.",
    ],
    &[
        "Mond verzorgd en gebit gepoetst, tandvlees ziet er rustig uit.",
        "Gehoorapparaten ingedaan, de batterij links is vervangen.",
        "Nagels geknipt, {p} had daarom gevraagd.",
        "Stuit ingesmeerd met barrièrecrème, geen roodheid gezien.",
        "Bril schoongemaakt en aangereikt.",
    ],
    &[
        "{rolt}{P} kwam met de actieve tillift uit bed, dat ging rustig.",
        "{rolt}{P} reed zelf met de rolstoel naar de huiskamer.",
        "{rolt}Samen met de tillift van bed naar rolstoel, {p} hielp goed mee.",
        "{loopt}{P} is met de rollator naar de huiskamer gelopen, ongeveer {meter} meter.",
        "{loopt}{P} stond met lichte steun op van de rand van het bed.",
        "{loopt}{P} liep met de rollator naar de eettafel en nam onderweg een keer rust.",
    ],
    &[
        "Bij het ontbijt {ontbijt} gegeten en {drinken} gedronken.",
        "{P} at weinig bij het ontbijt: van {ontbijt} bleef de helft staan.",
        "{P} had trek en nam bij het ontbijt {ontbijt}.",
        "{P} ontbeet op de kamer met {ontbijt}.",
    ],
    &[
        "Medicatie gegeven volgens de toedienlijst, {p} nam alles met water in.",
        "Medicatie gegeven met een lepel vla, dat slikte goed door.",
    ],
    &[
        "{11+}{P} heeft in de ochtend {bezig}.",
        "{P} was opgewekt en maakte grapjes met een medebewoner.",
        "{P} vroeg waar {h} ouders waren; samen over vroeger gepraat, daarna was {z} rustig.",
        "{10+}{P} bleef na het ontbijt aan tafel zitten en heeft {bezig}.",
    ],
];

/// The same of an afternoon and evening.
pub(super) const LATE: [&[&str]; 6] = [
    &[
        "{16+}{P} rustte van 13.30 tot 15.00 uur op bed.",
        "{P} kreeg bezoek van {h} {naaste}, zij hebben samen koffie gedronken.",
        "{P} vond het jammer dat {h} {naaste} niet kon komen; samen een kaart uitgezocht.",
        "{P} belde met {h} {naaste} en was daar blij mee.",
    ],
    &[
        "{16+}{P} heeft in de middag {bezig}.",
        "{P} deed mee met zingen en kende alle teksten.",
        "Samen naar buiten geweest, {p} wees de bomen aan.",
        "{P} vertelde over {h} werk van vroeger en genoot van de aandacht.",
        "{P} heeft {h} kamer samen met ons opgeruimd.",
    ],
    &[
        "{18+}Bij het avondeten {eten} gegeten, {drinken} erbij.",
        "{18+}{P} had geen trek in warm eten en koos voor {ontbijt}.",
        "{18+}{P} at aan tafel met drie anderen: {eten}.",
    ],
    &[
        "{20+}{P} dronk vandaag ongeveer {ml} ml.",
        "Oogdruppels gegeven, beide ogen zijn helder.",
        "{18+}Medicatie van 17 uur gegeven volgens de toedienlijst.",
    ],
    &[
        "{20+}{loopt}{P} was rond {uur} onrustig en liep over de gang; na een wandeling samen ging het beter.",
        "{20+}{rolt}{P} was rond {uur} onrustig en reed over de gang; na een gesprek samen ging het beter.",
        "{21+}{P} keek naar het nieuws en wilde om {uur} naar bed.",
        "{20+}{P} zat tot {uur} in de huiskamer bij de muziek.",
    ],
    &[
        "{20+}Hulp gegeven bij uitkleden en tandenpoetsen, {p} deed de pyjama zelf aan.",
        "{20+}Steunkousen uitgedaan, enkels zijn licht gezwollen.",
        "{20+}Rolluik gesloten en nachtlampje aangedaan, zoals afgesproken.",
    ],
];

/// The same of a night.
pub(super) const NIGHT: [&[&str]; 2] = [
    &[
        "{P} heeft de nacht rustig doorgeslapen.",
        "{loopt}{P} was om {nacht} wakker, naar het toilet begeleid en daarna weer gaan slapen.",
        "Bij de ronde van {nacht} sliep {p} rustig.",
        "{P} belde om {nacht}, {z} had dorst; een glas water gegeven.",
        "{rolt}{P} was om {nacht} wakker, met de po geholpen en daarna weer gaan slapen.",
        "{rolt}{P} lag om {nacht} wakker en wilde even praten, daarna sliep {z} weer.",
        "{loopt}{P} zat om {nacht} op de rand van het bed; gevraagd wat er was, {z} wilde even praten.",
        "{loopt}De belmat ging om {nacht} af, {p} stond naast het bed. Geholpen naar het toilet.",
    ],
    &[
        "Schoon incontinentiemateriaal aangedaan, huid is heel.",
        "{P} hoestte enkele keren, hoofdeinde iets hoger gezet.",
        "Wisselligging gegeven volgens afspraak.",
        "Nachtlampje aangelaten, deur op een kier, zoals {p} het wil.",
    ],
];

pub(super) const THERAPY: [&str; 10] = [
    "{loopt}Looptraining met rollator: {n} keer {meter} meter met rust ertussen. Opstaan gaat met minder steun.",
    "{loopt}Oefeningen voor beenkracht gedaan aan de bar, {p} hield het {n} minuten vol en was daarna moe maar tevreden.",
    "{rolt}Zithouding in de rolstoel bekeken. Voetsteunen {n} cm hoger gezet, {p} zit nu rechter.",
    "Slikadvies besproken: rechtop zitten, kleine slokken, vloeistof licht ingedikt. {P} begreep de uitleg.",
    "Eetlijst van drie dagen bekeken. Voorstel: tussendoor twee keer energierijke drinkvoeding.",
    "{loopt}Sta-op-stoel uitgeprobeerd op de kamer. {P} kan de knop zelf bedienen.",
    "{loopt}Valrisico bekeken: losse mat weggehaald, schoenen met vaste hiel geadviseerd.",
    "{rolt}Armoefeningen gedaan met een lichte bal, {p} hield het {n} minuten vol.",
    "{rolt}Rijden met de rolstoel geoefend: door de deur en langs de tafels, {n} rondes.",
    "Woordspelletjes gedaan. {P} vindt {n} van de tien woorden zonder hulp.",
];

pub(super) const COMFORT: [&str; 5] = [
    "Gesprek met {p} over {h} overleden {gemis}. Samen een gedicht gelezen; {z} wil over twee weken weer praten.",
    "{P} bezocht de viering in de kapel en bleef napraten over {h} jeugd in het dorp.",
    "{P} deed mee met het schilderen en maakte een landschap in blauw. Het hangt nu op {h} kamer.",
    "Met {p} de levensloop aangevuld: over de winkel, de kinderen en de verhuizing.",
    "{P} zong mee in het koor en nam {h} buurvrouw aan tafel mee.",
];

pub(super) const DOCTOR: [&str; 7] = [
    "Visite op verzoek van de afdeling vanwege hoesten. Longen: links onder enkele crepitaties, geen koorts. Afwachtend beleid, bij koorts of benauwdheid opnieuw beoordelen.",
    "Medicatie nagekeken met de apotheker. Slaapmiddel wordt in twee weken afgebouwd, {p} is daarvan op de hoogte.",
    "Wond op het rechterscheenbeen bekeken: 2 bij 1 cm, schoon, randen rustig. Verband om de dag wisselen.",
    "Bloeduitslagen besproken met {p}: nierfunctie gelijk aan vorig kwartaal, Hb iets lager. Over zes weken herhalen.",
    "Gesprek met {p} en {h} {naaste} over behandelwensen. Wensen zijn vastgelegd; er verandert nu niets.",
    "{loopt}Duizelig bij opstaan. Liggend 142/80, staand 118/70. Plaspil gehalveerd, over een week bloeddruk meten.",
    "Controle na blaasontsteking: geen klachten meer, kuur is af. Voldoende laten drinken.",
];

pub(super) const PROGRESS: [&str; 5] = [
    "Doel geëvalueerd met {p}. {Z} is tevreden over hoe het gaat, de acties blijven zo.",
    "Doel is voor een deel bereikt: het lukt op {n} van de 7 dagen. Actie over het tijdstip aangepast.",
    "Met {p} en {h} {naaste} besproken: dit doel blijft belangrijk, het tempo mag lager.",
    "{P} is op de goede weg en wil het onderwerp in het plan laten staan.",
    "Weinig verandering sinds de vorige evaluatie. Fysiotherapeut kijkt mee.",
];

pub(super) const FAMILY: [&str; 7] = [
    "Dag allemaal, ik heb een nieuwe bril gebracht, hij ligt in het nachtkastje. Groet van de familie",
    "Zondag halen wij {naam} om 11 uur op voor de verjaardag. Rond 17 uur zijn we terug. 🎂",
    "Wat fijn om de foto's van het uitje te zien, dank jullie wel! ❤️",
    "Kan iemand kijken naar het horloge van {naam}? Het staat stil. Alvast bedankt 🙏",
    "Er hangen schone bloezen in de kast, de winterjas heb ik mee naar huis genomen.",
    "{naam} klonk aan de telefoon wat verdrietig. Willen jullie vandaag even extra langsgaan?",
    "Volgende week zijn wij met vakantie, op de mobiel blijven we bereikbaar.",
];

pub(super) const CHAIN: [&str; 3] = [
    "Overleg met de huisarts over de overdracht van medicatie.",
    "Bericht van de transferverpleegkundige over het ontslag, brief volgt.",
    "Apotheek gebeld over een dubbele regel op de medicatielijst.",
];

pub(super) const OMAHA: [&str; 4] = [
    "Gebied Voeding: kennis 3, gedrag 3, status 4. {P} drinkt uit zichzelf meer dan vorige maand.",
    "{loopt}Gebied Mobiliteit: kennis 4, gedrag 3, status 3. {P} liet de rollator {n} keer staan bij korte stukjes.",
    "Gebied Persoonlijke zorg: kennis 4, gedrag 4, status 3. {P} wast {h} bovenlichaam zelf.",
    "Gebied Huid: kennis 3, gedrag 4, status 5. Geen nieuwe drukplekken.",
];

pub(super) const WOUND: [&str; 3] = [
    "Wond op de linkerhiel verzorgd: 1,5 bij 1 cm, rand rustig, weinig vocht. Verband vernieuwd.",
    "Schaafplek op de onderarm schoongemaakt en afgedekt. {P} had er geen pijn aan.",
    "Wond op het scheenbeen is {n} mm kleiner dan vorige week. Zelfde verband, om de dag wisselen.",
];

pub(super) const INTERNAL: [&str; 5] = [
    "Aantekening voor het team over de omgang met de familie.",
    "Gesprek met de leidinggevende over een klacht, nog in behandeling.",
    "Vermoeden besproken in het kernteam, nog niet met de cliënt gedeeld.",
    "Persoonlijke werkaantekening.",
    "Verslag van het overleg tussen behandelaren.",
];

pub(super) const HIDING: [&str; 3] = ["verkeerde cliënt", "dubbel ingevoerd", "typefout, opnieuw geschreven"];

/// Who writes it; subjective, objective, assessment, plan.
pub(super) const SOAP: [(Discipline, [&str; 4]); 6] = [
    (
        Discipline::Doctor,
        [
            "{loopt}{P} heeft sinds drie dagen pijn in de linkerknie, vooral op de trap.",
            "Knie is licht gezwollen, niet warm. Buigen tot 100 graden. Loopt met kleine passen.",
            "Past bij slijtage die tijdelijk opspeelt.",
            "Twee weken paracetamol op vaste tijden, knie koelen, oefeningen aanpassen.",
        ],
    ),
    (
        Discipline::Psychologist,
        [
            "{P} slaapt slecht in en ligt te piekeren.",
            "Rustig in gesprek, houdt oogcontact, noemt zorgen over geld.",
            "Inslaapprobleem door piekeren, geen tekenen van een depressie.",
            "Avondritueel met {p} afgesproken, over twee weken opnieuw bespreken.",
        ],
    ),
    (
        Discipline::Psychologist,
        [
            "Familie ziet dat {p} sneller vergeet wat er net gezegd is.",
            "Herhaalt vragen, weet de dag niet, herkent {h} naasten.",
            "Geheugen gaat langzaam achteruit, past bij het bekende beeld.",
            "Dagbord op de kamer, korte zinnen gebruiken, evalueren in het MDO.",
        ],
    ),
    (
        Discipline::SpeechTherapist,
        [
            "{P} verslikt zich bij drinken, ongeveer {n} keer per week.",
            "Hoest na dunne vloeistof, stem klinkt daarna nat. Bij ingedikt drinken geen hoest.",
            "Slikstoornis voor dunne vloeistof.",
            "Licht indikken, rechtop laten zitten, logopedist volgt {p} een maand.",
        ],
    ),
    (
        Discipline::Dietitian,
        [
            "{P} zegt weinig trek te hebben sinds de griep.",
            "Gewicht {n} ons lager dan vorige maand, mond zonder bijzonderheden.",
            "Herstellend, nog verminderde eetlust.",
            "Kleine maaltijden, drinkvoeding tussendoor, wekelijks wegen.",
        ],
    ),
    (
        Discipline::Physiotherapist,
        [
            "{loopt}{P} is bang om te vallen sinds de val in de badkamer.",
            "Loopt goed met rollator, houdt de beugel stevig vast, durft niet te draaien.",
            "Valangst, loopvaardigheid is voldoende.",
            "Draaien oefenen met de fysiotherapeut, antislipmat neergelegd.",
        ],
    ),
];

/// Sections of a long report of a multidisciplinary meeting.
pub(super) const MEETING: [&str; 9] = [
    "Welbevinden. {P} geeft {h} leven hier een ruime voldoende. {Z} noemt het uitzicht, de koffie om tien uur en het contact met de buren. {Z} mist {h} tuin.",
    "Persoonlijke zorg. Wassen en aankleden gaat met hulp bij rug en voeten. {P} bepaalt zelf de volgorde. Een keer per week onder de douche is genoeg, zegt {z}.",
    "{loopt}Bewegen. Met rollator over de gang, {meter} meter achter elkaar. Opstaan uit een lage stoel lukt niet zonder hulp. Geen val in dit kwartaal.",
    "{rolt}Bewegen. {P} rijdt zelf met de rolstoel over de gang. Uit bed komen gaat met de actieve tillift, dat voelt veilig.",
    "Voeding. Gewicht is stabiel. {P} koos deze week vaker voor {eten}. Drinken blijft een aandachtspunt: gemiddeld {ml} ml per dag.",
    "Medicatie. De lijst is met de apotheker doorgelopen. Een middel tegen maagklachten is gestopt, dat gaat goed.",
    "Dagbesteding. {P} gaat twee keer per week naar de activiteiten en heeft {bezig}. {Z} zou graag vaker naar buiten gaan; een vrijwilliger wordt gezocht.",
    "Naasten. {H} {naaste} is tevreden over de zorg en leest mee in het portaal. Afgesproken is om bij veranderingen eerst te bellen.",
    "Afspraken. De doelen blijven gelden met de aanpassingen zoals besproken. Volgend overleg over een half jaar, of eerder als {p} dat vraagt.",
];

//! Things that answers count and that no conversion knows.

use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Things that word problems count, in the singular.
const NOUNS: &str = "people person point multiple daps man men woman women child children kid boy girl adult student pupil teacher member player worker \
    employee customer passenger friend guest family families team class classe group guy parent mother father \
    brother sister cousin sibling neighbor driver rider runner soldier visitor participant contestant resident voter \
    camper scout dancer singer musician doctor nurse king queen knight rook pawn bishop animal dog puppy puppie cat \
    kitten cow horse pony ponie pig sheep goat chicken hen rooster duck goose geese turkey bird parrot rabbit \
    hamster mouse mice rat fish fishe carp shark whale frog turtle snake lizard spider insect bug ant bee butterfly \
    butterflie dragon donkey monkey elephant lion tiger bear deer fox foxe wolf wolves apple orange banana pear \
    peach peache plum cherry cherrie grape berry berrie strawberry strawberrie blueberry blueberrie raspberry \
    raspberrie lemon lime mango mangoe melon watermelon pumpkin tomato tomatoe potato potatoe carrot onion pepper \
    cucumber egg loaf loaves slice sandwich sandwiche pizza pie cake cupcake cookie brownie muffin donut doughnut \
    bagel candy candie chocolate lollipop sweet nut peanut almond walnut bean seed meal lunch lunche dinner \
    breakfast burger hamburger taco burrito chip cracker marshmallow drink soda juice coffee tea book page chapter \
    word letter line paragraph essay story storie magazine newspaper notebook pencil pen crayon marker eraser ruler \
    sticker stamp card postcard poster picture photo photograph painting sheet paper envelope ball balloon marble \
    bead button block cube brick tile toy doll puzzle game kite bike bicycle tricycle car truck bus buse van train \
    plane airplane boat ship wagon wheel tire seat chair table desk bed sofa lamp candle bulb door window room floor \
    house home apartment building school store shop office cabin tent box boxe bag basket bucket bottle jar can \
    carton crate package packet container tank tray bowl plate cup glass glasse mug spoon fork knife knives pot pan \
    shirt dress dresse skirt jacket coat sweater hat cap sock shoe boot glove scarf scarves ring necklace bracelet \
    earring blanket towel pillow quilt curtain shelf shelves tree flower rose tulip daisy daisie lily lilie \
    sunflower plant bush bushe leaf leaves petal branch branche vine rock stone stick shell coin bill ticket coupon \
    token prize trophy trophie medal vote song movie video show episode concert lesson lap step mistake question \
    problem answer test exam homework assignment trip visit call message email text post view subscriber follower \
    hit goal run win match matche race round turn shot beat row column piece part item object thing kind type job \
    task shift load bar stack bundle bunch bunche bouquet bullet tool nail screw bolt rope string wire stripe spot \
    dot side edge face vertex vertice vertices corner angle triangle circle rectangle polygon hexagon pentagon cell \
    digit integer number value solution combination permutation arrangement outcome possibility possibilitie choice \
    element subset path route handshake diagonal pound cereal computer phone laptop battery batterie camera machine \
    robot unit way psi bpm cad fl verst bushel barrel volt ampere amp ohm \
    kopek kopeck peso franc won pence penny pennie penney dime nickel shilling lightyear volunteer";

/// Words that go with a unit and are none themselves.
const ADJECTIVES: [&str; 32] = [
    "square",
    "sq",
    "cubic",
    "cu",
    "of",
    "per",
    "each",
    "a",
    "an",
    "the",
    "old",
    "long",
    "tall",
    "wide",
    "high",
    "deep",
    "total",
    "whole",
    "different",
    "distinct",
    "possible",
    "red",
    "blue",
    "green",
    "yellow",
    "black",
    "white",
    "purple",
    "pink",
    "brown",
    "right",
    "away",
];

/// One spelling for nouns that have several.
const SPELLINGS: [(&str, &str); 4] = [("people", "person"), ("children", "child"), ("men", "man"), ("women", "woman")];

/// Whether the list has the word or that of which it is the plural.
pub(super) fn is_noun(word: &str) -> bool {
    static KNOWN: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    let singular = word.strip_suffix('s').filter(|singular| singular.len() > 1);
    let known = KNOWN.get_or_init(|| NOUNS.split(' ').collect());
    known.contains(word) || singular.is_some_and(|singular| known.contains(singular))
}

/// Whether the word only describes a unit.
pub(super) fn is_adjective(word: &str) -> bool {
    ADJECTIVES.contains(&word)
}

/// A noun in the singular and in its one spelling.
pub(super) fn one_spelling(word: &str) -> &str {
    let singular = if word.len() > 2 && !word.ends_with("ss") { word.strip_suffix('s').unwrap_or(word) } else { word };
    SPELLINGS.iter().find(|(long, _)| *long == singular).map_or(singular, |(_, short)| short)
}

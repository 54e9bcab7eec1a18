"""The words of the fake blog. Common ones come first: the further down a list, the rarer a word is."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return [" ".join(word.split()) for word in text.split(",")]


FIRST_NAMES = _words("""
    Amara, Anton, Aoife, Astrid, Basil, Beatriz, Bo, Carmen, Chidi, Clara, Dario, Dilys, Edda, Elif, Emeka, Esther,
    Fatima, Felix, Freya, Gareth, Greta, Hana, Henrik, Hilda, Ibrahim, Ida, Ines, Ivo, Jasper, Joan, Jonas, Kaito,
    Kamala, Kirsten, Lars, Leila, Lev, Ludmila, Maeve, Malik, Marta, Mei, Milo, Nadia, Nils, Noor, Olga, Oscar,
    Pilar, Piotr, Quentin, Radha, Ramon, Rosa, Rune, Sabine, Samir, Signe, Stella, Tariq, Tess, Thandi, Tove, Ulla,
    Umberto, Vera, Viktor, Wanda, Wilma, Xenia, Yara, Yusuf, Zadie, Zeno
""")
LAST_NAMES = _words("""
    Abara, Achterberg, Adeyemi, Ainsworth, Albescu, Amsel, Arkwright, Baptiste, Barrow, Beck, Bellini, Brisk,
    Calloway, Castellanos, Chandra, Cole, Cordwainer, Dahl, Dekker, Delacroix, Dimov, Draper, Eklund, Farrow, Fell,
    Fletcher, Fontaine, Gallo, Gill, Glover, Haddad, Harrow, Hoffmann, Horvat, Ito, Jansen, Joyce, Kapoor, Keane,
    Kowalczyk, Lindqvist, Lopes, Lund, Machado, Marsh, Mbeki, Meyer, Moreau, Murakami, Nakamura, Nash, Novak,
    Nyberg, Okafor, Oliveira, Orr, Osei, Pace, Papadaki, Pettigrew, Pike, Quill, Raman, Reyes, Rossi, Sadiq, Sato,
    Sawyer, Shah, Silva, Skov, Sorensen, Stone, Tailor, Thorne, Tinker, Turner, Ueda, Vargas, Vos, Wainwright,
    Weaver, Wilk, Wren, Xu, Yates, Young, Zeman, Zhou
""")
THINGS = _words("""
    kettle, toaster, radio, bicycle, lamp, zip, clock, chair, coat, umbrella, blender, teapot, suitcase, hair dryer,
    vacuum cleaner, fan, scooter, headphones, watch, printer, jumper, drawer, wheelbarrow, rucksack, iron, heater,
    coffee grinder, record player, sewing machine, pram, guitar, pocket torch, garden shears, bread machine, mixer,
    alarm clock, doorbell, tent, letterbox, hot-water bottle, rice cooker, mirror, typewriter, cassette deck,
    pushchair, food processor, music box, desk lamp, roller skates, waffle iron, wall clock, accordion, film camera,
    projector, tandem, wetsuit, barometer, weather vane, cuckoo clock, metronome, telescope, ukulele, pinball table,
    slide rule, gramophone, samovar, astrolabe, theremin, planetarium, orrery
""")
PARTS = _words("""
    switch, screw, spring, cable, hinge, fuse, handle, bearing, seam, belt, button, knob, lid, gear, thermostat,
    washer, plug, gasket, bracket, spoke, wick, solder joint, capacitor, pulley, ratchet, cotter pin, brush, valve,
    diaphragm, mainspring, escapement, bobbin, tappet, potentiometer, bimetal strip, commutator, gudgeon pin,
    grommet
""")
FAULTS = _words("""
    worn, loose, cracked, bent, stuck, missing, corroded, frayed, backwards, jammed with crumbs, burnt, upside down,
    full of cat hair, dry, squashed, painted over, held on by chewing gum, chewed, glued, fossilised
""")
TOOLS = _words("""
    screwdriver, needle, multimeter, soldering iron, file, pair of pliers, toothbrush, spanner, magnifying glass,
    hammer, drop of oil, thimble, clothes peg, strip of inner tube, knitting needle, dental mirror, bar of soap,
    spoon, guitar string, lump of beeswax
""")
PEOPLE = _words("""
    neighbour, volunteer, child, teacher, student, nurse, baker, librarian, gardener, bus driver, choir,
    grandmother, ferry captain, postman, cellist, beekeeper, plumber, retired judge, night porter, lighthouse keeper
""")
PLACES = _words("""
    kitchen table, back room, harbour, library, market, parish hall, workshop, allotment, school, bus stop,
    laundrette, boathouse, attic, bandstand, signal box, ice rink, observatory
""")
TIMES = _words("""
    on Saturday, last week, after lunch, before the rain, at closing time, in the end, twice, by accident, all
    morning, in half an hour, for eleven years, since the flood, every spring, on the last tram
""")
ADJECTIVES = _words("""
    old, small, stubborn, honest, quiet, second-hand, cheerful, patient, blue, borrowed, noisy, perfect, heavy,
    German, wooden, unlikely, faithful, sulky, enamelled, magnificent, clockwork, melancholy, barometric
""")
LESSONS = _words("""
    cleaning comes before repairing, most broken things are only dirty, the label is the last place to look, a
    photograph costs nothing and saves an evening, screws are cheaper than regrets, the second attempt is the first
    one with knowledge, nobody reads the manual until the smoke, a thing that can be opened can be understood, tea
    is a tool, patience fits every thread, what rattles is asking for something, glue is not an argument, somebody
    always keeps the receipt and never the screw
""")
SENTENCES = (
    "The {part} of the {thing} was {fault}.",
    "A {person} brought a {adjective} {thing} {time}, wrapped in a towel.",
    "We opened the {thing} with a {tool} and found the {part} {fault}.",
    "Nobody at the {place} had ever seen a {thing} from the inside.",
    "It took one {tool}, two people and a great deal of tea.",
    "The trick is to mark where the {part} sits before you take it out.",
    "If the {part} is {fault}, leave it alone and look at the {second_part} first.",
    "You will need a {tool}, a {second_tool} and somewhere to put the screws.",
    "The {person} from the {place} said that it had been {fault} {time}.",
    "A new {part} costs less than the coffee one drinks while looking for it.",
    "We tried a {tool}, then a {second_tool}, and then reading the instructions.",
    "The {thing} hummed, paused, and began to work as though nothing had happened.",
    "There is a {part} in every {thing}, and it is always the {part}.",
    "The manual calls it a {part}, the {person} calls it the bit that falls off.",
    "Underneath the {part} somebody had scratched a date and the words: repaired {time}.",
    "What we learned: {lesson}.",
    "As they say at the {place}, {lesson}.",
    "The {adjective} {thing} is back at the {place}, and louder than before.",
    "It was not the {part} at all; it was the {second_part}, which was {fault}.",
    "Never lend a {tool} to a {person} without writing it down.",
    "The {person} cried a little, and so did the {thing}, but that was the {part}.",
    "Some {thing} repairs are ten minutes of work and an hour of screws.",
    "Put the {part} in vinegar overnight, and tell whoever lives with you.",
    "Of all the things that came {time}, the {adjective} {thing} was the one worth keeping.",
)
TITLES = (
    "The {adjective} {thing} of the {place}",
    "How a {person} mended a {thing}",
    "What the {thing} taught us about the {part}",
    "A {tool}, a {thing} and a {person}",
    "In praise of the {adjective} {thing}",
    "The case of the {fault} {part}",
    "Mending a {thing} with a {tool}",
    "Why your {thing} has a {part}",
    "Notes from the {place}: the {thing}",
    "The {person} and the {adjective} {part}",
    "Ten minutes with a {thing}",
    "Before you throw the {thing} away",
)
COMMENTS = (
    "I have the same {thing}, and its {part} is {fault} too.",
    "Thank you! The {tool} did it.",
    "My {thing} has worked {time} without a {part}, I believe.",
    "Could this be done with a {tool} instead?",
    "The {person} next door says the same: {lesson}.",
    "Ours came back from the {place} better than new.",
    "Is the {part} supposed to be {adjective}?",
    "I laughed, then I looked at my {thing}, then I stopped laughing.",
)
CATEGORIES = _words("""
    Electricals, Kitchen, Wheels, Textiles, Clocks, Furniture, Music, Garden, Toys, Optics, Paper, Curiosities
""")
TAGS = _words("""
    beginners, ten minutes, spare parts, tea, tools, batteries, soldering, sewing, glue, rust, springs, bearings,
    bulbs, leather, wool, paint, wood, brass, plastics, zips, buttons, motors, heating, sound, pictures, manuals,
    safety, winter, summer, children, failures, triumphs, opinions, history, letters, cleaning, sharpening,
    measuring, travel, rescue
""")

"""English words that the linker knows: kinds of devices, words to ignore, floors and room synonyms.

Another language is another table like this one.
"""

# A word for a kind of device, and the domains it may mean. Such words alone do not name an entity.
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "light": ("light",),
    "lamp": ("light", "switch"),
    "lighting": ("light",),
    "bulb": ("light",),
    "spotlight": ("light",),
    "switch": ("switch", "input_boolean"),
    "outlet": ("switch",),
    "plug": ("switch",),
    "socket": ("switch",),
    "fan": ("fan",),
    "blind": ("cover",),
    "shade": ("cover",),
    "curtain": ("cover",),
    "drape": ("cover",),
    "shutter": ("cover",),
    "awning": ("cover",),
    "cover": ("cover",),
    "gate": ("cover",),
    "garage": ("cover",),
    "door": ("lock", "cover", "binary_sensor"),
    "window": ("binary_sensor", "cover"),
    "lock": ("lock",),
    "valve": ("valve",),
    "thermostat": ("climate",),
    "heating": ("climate",),
    "heater": ("climate", "switch"),
    "radiator": ("climate",),
    "heat": ("climate",),
    "ac": ("climate",),
    "aircon": ("climate",),
    "conditioner": ("climate",),
    "conditioning": ("climate",),
    "temperature": ("climate", "sensor"),
    "humidity": ("sensor", "humidifier"),
    "battery": ("sensor",),
    "power": ("sensor",),
    "motion": ("binary_sensor",),
    "sensor": ("sensor", "binary_sensor"),
    "humidifier": ("humidifier",),
    "dehumidifier": ("humidifier",),
    "mower": ("lawn_mower",),
    "lawnmower": ("lawn_mower",),
    "lawn": ("lawn_mower",),
    "calendar": ("calendar",),
    "weather": ("weather",),
    "boiler": ("water_heater", "climate"),
    "tv": ("media_player",),
    "television": ("media_player",),
    "telly": ("media_player",),
    "speaker": ("media_player",),
    "music": ("media_player",),
    "radio": ("media_player",),
    "volume": ("media_player",),
    "song": ("media_player",),
    "tune": ("media_player",),
    "player": ("media_player",),
    "vacuum": ("vacuum",),
    "hoover": ("vacuum",),
    "robot": ("vacuum",),
    "list": ("todo",),
    "script": ("script",),
    "scene": ("scene",),
    "routine": ("script",),
}

# Of these, the ones that mean every such device in the room even in the singular ("turn on the light").
GROUP_WORDS: frozenset[str] = frozenset(
    ("light", "lighting", "temperature", "heating", "heat", "music", "volume")
)

# Words that never point at an entity, whatever its name is made of.
IGNORED: frozenset[str] = frozenset(
    "a an and are as at be by can could do does for from get go have hey how i in into is it its just me my "
    "of off on one or our out over please put set so that the their them then there these they this those to "
    "too turn up us was we what when where which who will with would you your all every everything everyone "
    "again also now down make let need want if not no dont except but other another any some more less bit "
    "much many low high open close shut start stop add check new time day first last room house home".split()
)

# Words before a duration that go with it when a command is put off: "in ten minutes".
DELAY_WORDS: frozenset[str] = frozenset(("in", "after", "for", "dans", "en", "dentro", "over", "tra", "fra"))

# Floors are said by direction more often than by name.
UPSTAIRS_WORDS: frozenset[str] = frozenset(("first", "second", "upper", "upstairs", "top", "1st", "2nd"))
DOWNSTAIRS_WORDS: frozenset[str] = frozenset(("ground", "downstairs", "lower", "main"))
FLOOR_DIRECTIONS: dict[str, frozenset[str]] = {
    "upstairs": UPSTAIRS_WORDS,
    "downstairs": DOWNSTAIRS_WORDS,
}

# Rooms that people call by another name; each tuple means one room, written without spaces.
ROOM_SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("livingroom", "lounge", "sittingroom", "frontroom", "familyroom"),
    ("bathroom", "restroom", "washroom"),
    ("toilet", "loo", "wc"),
    ("hallway", "hall", "corridor", "entryway"),
    ("office", "study", "homeoffice"),
    ("nursery", "babysroom", "babyroom"),
    ("garden", "backyard", "yard"),
    ("laundryroom", "laundry", "utilityroom"),
    ("masterbedroom", "mainbedroom"),
    ("attic", "loft"),
    ("basement", "cellar"),
)

# Rooms that nobody can mean who has none of that name: the light "in the attic" is not that of this room.
ROOM_WORDS: frozenset[str] = frozenset(
    "kitchen bedroom bathroom attic basement office nursery cellar loft".split()
)

"""The sentences that never vary, in the languages of the built-in model beside English."""

from typing import Literal

Fixed = Literal[
    "not_understood", "not_about_the_home", "which_room", "unknown_device", "impossible", "no_tool"
]

_SENTENCES: dict[str, dict[Fixed, str]] = {
    "de": {
        "not_understood": "Das habe ich leider nicht verstanden.",
        "not_about_the_home": "Ich helfe nur mit deinem Zuhause; hier gibt es kein größeres Modell.",
        "which_room": "In welchem Raum?",
        "unknown_device": "So ein Gerät kann ich bei dir nicht finden.",
        "impossible": "Das kann dieses Gerät nicht.",
        "no_tool": "Das ist mir hier nicht möglich.",
    },
    "fr": {
        "not_understood": "Désolé, je n'ai pas compris.",
        "not_about_the_home": "Je ne peux aider que pour la maison ; il n'y a pas de plus grand modèle.",
        "which_room": "Dans quelle pièce ?",
        "unknown_device": "Je ne trouve pas cet appareil chez toi.",
        "impossible": "Cet appareil ne peut pas faire cela ; ce n'est pas possible.",
        "no_tool": "Je ne peux pas faire cela ici.",
    },
    "es": {
        "not_understood": "Perdona, no lo he entendido.",
        "not_about_the_home": "Solo puedo ayudar con la casa; no hay un modelo más grande para eso.",
        "which_room": "¿En qué habitación?",
        "unknown_device": "No encuentro ese dispositivo en tu casa.",
        "impossible": "Ese dispositivo no puede hacer eso; no es posible.",
        "no_tool": "Aquí no puedo hacerlo.",
    },
    "nl": {
        "not_understood": "Sorry, dat heb ik niet begrepen.",
        "not_about_the_home": "Ik kan alleen met je huis helpen; er is geen groter model voor.",
        "which_room": "In welke kamer?",
        "unknown_device": "Zo'n apparaat kan ik bij jou niet vinden.",
        "impossible": "Dat kan dit apparaat niet; het is niet mogelijk.",
        "no_tool": "Dat is hier niet mogelijk.",
    },
    "it": {
        "not_understood": "Scusa, non ho capito.",
        "not_about_the_home": "Posso aiutare solo con la casa; non c'è un modello più grande per questo.",
        "which_room": "In quale stanza?",
        "unknown_device": "Non trovo un dispositivo simile in casa tua.",
        "impossible": "Quel dispositivo non può farlo; non è possibile.",
        "no_tool": "Qui non posso farlo.",
    },
}


def fixed(name: Fixed, language: str, english: str) -> str:
    """A sentence in a language such as "de" or "de-CH"; `english` where it is none of the five others."""
    return _SENTENCES.get(language.casefold()[:2], {}).get(name, english)

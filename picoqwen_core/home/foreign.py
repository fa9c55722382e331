"""What is said after the tools have run in the five languages beside English: "Eingeschaltet: Stehlampe."

A participle and the names, so that no article or ending depends on a name. Success is only claimed for what a
result names; what did not react or went wrong is told.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from picoqwen_core.home.results import OF_HUMIDIFIERS, ToolOutcome, undone
from picoqwen_core.messages import ToolCall

_KEYS = (
    "HassTurnOn HassTurnOff open close lock unlock run HassStopMoving HassLightSet "
    "HassClimateSetTemperature HassMediaPause HassMediaUnpause HassListAddItem HassListCompleteItem "
    "HassStartTimer HassCancelAllTimers set silent error nothing already unavailable unable "
    "otherwise"
).split()
_WORDS: dict[str, dict[str, str]] = {
    language: dict(zip(_KEYS, words.split("|"), strict=True))
    for language, words in {
        "de": "Eingeschaltet|Ausgeschaltet|Geöffnet|Geschlossen|Abgeschlossen|Aufgeschlossen|Gestartet|"
        "Angehalten|Licht eingestellt|Temperatur eingestellt|Pausiert|Läuft weiter|Hinzugefügt|Abgehakt|"
        "Timer gestartet|Timer gestoppt|Erledigt|"
        "Keine Reaktion|Das hat nicht geklappt|Es wurde nichts geändert.|War schon so|Nicht erreichbar|"
        "Kann das nicht|Nicht wie gewünscht",
        "fr": "Allumé|Éteint|Ouvert|Fermé|Verrouillé|Déverrouillé|Lancé|Arrêté|Lumière réglée|"
        "Température réglée|"
        "En pause|Lecture reprise|Ajouté|Coché|Minuteur lancé|Minuteur arrêté|Fait|Pas de réaction|"
        "Cela n'a pas marché|Rien n'a été changé.|C'était déjà le cas|Injoignable|"
        "Ne peut pas faire cela|Pas comme demandé",
        "es": "Encendido|Apagado|Abierto|Cerrado|Cerrado con llave|Abierto con llave|Iniciado|Detenido|"
        "Luz ajustada|Temperatura ajustada|En pausa|Reanudado|Añadido|Marcado|Temporizador iniciado|"
        "Temporizador parado|Hecho|Sin respuesta|No ha funcionado|No se ha cambiado nada.|Ya estaba así|"
        "No disponible|No puede hacer eso|No como se pidió",
        "nl": "Aangezet|Uitgezet|Geopend|Gesloten|Op slot gedaan|Van het slot gehaald|Gestart|Gestopt|"
        "Licht ingesteld|Temperatuur ingesteld|Gepauzeerd|Speelt verder|Toegevoegd|Afgevinkt|"
        "Timer gestart|"
        "Timer gestopt|Gedaan|Geen reactie|Dat is niet gelukt|Er is niets veranderd.|Was al zo|"
        "Niet bereikbaar|Kan dat niet|Niet zoals gevraagd",
        "it": "Acceso|Spento|Aperto|Chiuso|Chiuso a chiave|Sbloccato|Avviato|Fermato|Luce regolata|"
        "Temperatura regolata|In pausa|Ripreso|Aggiunto|Spuntato|Timer avviato|Timer fermato|Fatto|"
        "Nessuna reazione|Non ha funzionato|Non è cambiato nulla.|Era già così|Non raggiungibile|"
        "Non può farlo|Non come richiesto",
    }.items()
}
# The words for things that show no reaction.
_UNDONE = {"failed": "silent"}
_BY_DOMAIN = {
    "HassTurnOn": {"cover": "open", "valve": "open", "lock": "lock", "script": "run", "scene": "run"},
    "HassTurnOff": {"cover": "close", "valve": "close", "lock": "unlock"},
}


def speaks(language: str) -> bool:
    """Whether there are words for a language such as "de" or "de-CH"."""
    return language.casefold()[:2] in _WORDS


def told(language: str, results: Sequence[tuple[ToolCall, ToolOutcome]]) -> str:
    """What calls came to, in one of the five languages."""
    words = _WORDS[language.casefold()[:2]]
    done = {words[_UNDONE.get(kind, kind)]: names for kind, names in undone(results).items()}
    for call, outcome in results:
        tool = call.name.rpartition("__")[2]
        if outcome.error is not None:
            done.setdefault(words["error"], []).append(str(call.arguments.get("name") or ""))
            continue
        if tool.endswith("Item") and outcome.names_entities and not outcome.succeeded:
            continue
        if tool.endswith(("Item", "Timer", "Timers")):
            done.setdefault(words.get(tool, words["set"]), []).append(str(call.arguments.get("item") or ""))
            continue
        if tool in OF_HUMIDIFIERS and not outcome.names_entities:
            label = words["set"] + _value(call.arguments)
            done.setdefault(label, []).append(str(call.arguments.get("name") or ""))
            continue
        for entity_id, name in outcome.succeeded:
            kind = _BY_DOMAIN.get(tool, {}).get(entity_id.partition(".")[0], tool)
            done.setdefault(words.get(kind, words["set"]) + _value(call.arguments), []).append(name)
    sentences = [_sentence(label, names) for label, names in done.items() if names]
    return " ".join(sentences) or words["nothing"]


def _value(arguments: Mapping[str, Any]) -> str:
    if "mode" in arguments:
        return f" ({arguments['mode']})"
    percentages = ("brightness", "position", "percentage", "humidity")
    for key, unit in (("temperature", "°"), *((key, " %") for key in percentages)):
        # A lamp's temperature is its colour in kelvin, which nobody wants to hear.
        if key in arguments and not (key == "temperature" and arguments[key] > 1000):
            return f" ({arguments[key]:g}{unit})"
    return ""


def _sentence(label: str, names: Sequence[str]) -> str:
    said = ", ".join(name for name in dict.fromkeys(names) if name)
    return f"{label}: {said}." if said else f"{label}."

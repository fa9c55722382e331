"""What is said in the middle of an answer that broke off and is given anew by somebody else."""

from collections.abc import Mapping

_SAID: Mapping[str, str] = {
    "de": "Die Antwort brach ab; hier ist sie noch einmal von vorn.",
    "en": "The answer broke off; here it is again from the beginning.",
    "es": "La respuesta se interrumpió; aquí está de nuevo desde el principio.",
    "fr": "La réponse s'est interrompue ; la voici de nouveau depuis le début.",
    "it": "La risposta si è interrotta; eccola di nuovo dall'inizio.",
    "nl": "Het antwoord brak af; hier is het opnieuw vanaf het begin.",
}


def restarted(language: str) -> str:
    """The mark between the broken answer and the new one, in the language of the home."""
    return f"\n\n[{_SAID.get(language[:2].lower(), _SAID['en'])}]\n\n"

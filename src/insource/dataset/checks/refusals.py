"""Find refusals and apologies in the place of an answer: the model would learn to refuse."""

from __future__ import annotations

import re

from insource.dataset.checks.per_row import PerRow
from insource.dataset.checks.row_view import RowView
from insource.types import Labels

_SORRY = {
    "en": r"(?:i['’]?m|i am|we['’]?re) (?:very |so |really |truly )?(?:sorry|afraid)|sorry|(?:my "
    r"|i )?apolog(?:ies|i[sz]e)"
    r"|unfortunately|regret(?:tably|fully)",
    "de": r"(?:es )?tut mir (?:sehr )?leid|leider|entschuldigung|ich entschuldige mich|bedaure",
    "fr": r"(?:je suis |nous sommes )?(?:vraiment )?d[ée]sol[ée]e?s?|je m['’]excuse|malheureusement"
    r"|je regrette",
    "es": r"lo siento|lo lamento|disculp[ae]|perd[óo]n|desafortunadamente|lamentablemente",
    "it": r"mi dispiace|spiacente|purtroppo",
    "pt": r"(?:sinto|lamento) muito|desculpe|infelizmente",
    "nl": r"(?:het )?spijt me|sorry|helaas",
}
# The verb says what is refused: to do the task, not to reach a door or a due date.
_UNABLE = {
    "en": r"(?:i|we)(?: am| are|['’]m|['’]re)? (?:can ?not|can['’]t|could not|couldn['’]t|won['’]t"
    r"|will not|unable to|not able to"
    r"|not allowed to|do(?:n['’]t| not) (?:have (?:access|enough|the (?:ability|information))"
    r"|feel comfortable)"
    r"|(?:must|have to) (?:\w+ly )?decline(?: to)?|was unable to|was not able to)",
    "de": r"(?:kann|darf|konnte|werde) (?:ich|wir)\b[^.!?]{0,80}\b(?:nicht|keine?n?)|ich (?:kann|darf"
    r"|konnte|bin)\b"
    r"[^.!?]{0,60}\b(?:nicht|keine?n?)",
    "fr": r"(?:je|nous) ne (?:peux|pouvons|suis|sommes|dispose|parviens)(?: pas)?\b",
    "es": r"no (?:puedo|podemos|me es posible|tengo (?:acceso|suficiente|la capacidad))",
    "it": r"non (?:posso|sono in grado|ho accesso)",
    "pt": r"n[ãa]o (?:posso|consigo|tenho acesso)",
    "nl": r"(?:kan|mag) ik\b[^.!?]{0,60}\b(?:niet|geen)|ik (?:kan|mag)\b[^.!?]{0,60}\b(?:niet|geen)",
}
_TASK = (
    r"assist|help|provid|comply|complet|fulfil|answer|respon[ds]|extract|process|generat|creat|produc"
    r"|analy|classif|engage"
    r"|determin|identif|find|access|discuss|continue|read|view|open|see|do that|do this|support"
    r"|helfen|unterst[üu]tz|bereitstell|beantwort|verarbeit|extrah|analysier|ermitteln|finden|antwort"
    r"|auskunft|anfrage|lesen"
    r"|aider|assister|fournir|r[ée]pondre|extraire|traiter|acc[ée]der|trouver|analyser|satisfaire"
    r"|ayudar|asistir|proporcionar|responder|extraer|procesar|acceder|encontrar|analizar|cumplir"
    r"|aiutar|fornire|rispondere|estrarre|elaborare|ajudar|fornecer|extrair|processar|helpen"
    r"|beantwoorden|verwerken"
)
_MACHINE = (
    r"\bas an? (?:ai|artificial intelligence|large language model|language model|llm)\b"
    r"|\bas an? (?:ai |virtual )?(?:assistant|chatbot)\b"
    r"|\b(?:i['’]?m|i am) (?:just |only )?an? (?:ai|(?:large )?language model|chatbot)\b"
    r"|\bals (?:eine? )?(?:ki|k[üu]nstliche intelligenz|sprachmodell|ki-sprachmodell|ai)\b"
    r"|\ben tant qu['’](?:ia|intelligence artificielle|assistant ia)"
    r"|\ben tant que mod[èe]le (?:de langage|linguistique)"
    r"|\bcomo (?:una? )?(?:ia|modelo de lenguaje|inteligencia artificial|modelo de linguagem)\b"
    r"|\bin quanto (?:ia|intelligenza artificiale|modello linguistico)|\bals (?:een )?(?:ai-)?taalmodel\b"
)
_ASKED = r"(?:documents?|texts?|attachments?|images?|files?|requests?|content|fields|message)"
# Refusals in which no "I" is unable: what was asked for is.
_IMPERSONAL = (
    rf"(?:this|that|your|the) {_ASKED} (?:violates|goes against)"
    rf"|(?:this|that|your|the) {_ASKED} (?:could not|couldn['’]t|can ?not|can['’]t) be"
    r" (?:read|processed|parsed|analy[sz]ed|classified)"
    r"|it (?:is|was) (?:not possible|impossible)(?: for me)? to"
    r" (?:determin|extract|identif|classif|answer|analy)"
    r"|(?:that|this)(?: is|['’]s) not something i can"
    rf"|i (?:do not|don['’]t) see (?:any|an?|the) {_ASKED}"
    rf"|(?:it (?:looks like|seems|appears)(?: that)? )?(?:the|your|no) {_ASKED} (?:is|was|are|were)"
    r" (?:missing|provided|included|attached)"
    rf"|i(?: would|['’]d) be happy to (?:help|assist)\b[^.!?]{{0,10}} but"
    rf"|please (?:provide|share|paste|upload) the {_ASKED} (?:that )?you(?: would|['’]d)? (?:like|want)"
    r"|(?:error: )?content (?:was )?(?:filtered|blocked)"
)
_START = r"\A[\s\"'“*_>.-]{0,4}"
_REFUSING = (
    "|".join(
        rf"{_START}(?:(?:{_SORRY[code]})\b[^.!?]{{0,40}}?[,.!:;–—-]*\s*(?:but|aber|mais|pero|ma|mas|maar)?\s*)?"
        rf"(?:{_UNABLE[code]})\b(?:[^.!?]{{0,100}}?(?:{_TASK})|\W*\Z)"
        for code in _SORRY
    )
    + rf"|{_START}(?:(?:{_SORRY['en']})\b[,.!:;–—-]*\s*(?:but )?)?(?:{_IMPERSONAL})"
)
_REFUSAL = re.compile(_REFUSING, re.IGNORECASE)
_AS_MACHINE = re.compile(_MACHINE, re.IGNORECASE)
READ = 400
"""Characters of an answer in which a refusal begins; what comes later is part of an answer."""


class Refusals(PerRow):
    """In answers only, at their beginning or the beginning of a value, and not where the document says it.

    English, German, French, Spanish, Italian, Portuguese and Dutch.
    """

    name = "refusals"
    title = "Refusals and apologies"
    severity = "error"
    found = "answers refuse or apologise instead of answering"
    remedy = "drop the rows whose answer is a refusal"

    def problem(self, view: RowView) -> str | None:
        output = self.context.output
        # An inferred list of labels has every answer in it, refusals too.
        known = output.names if isinstance(output, Labels) and not output.inferred else ()
        for path, value in view.leaves:
            if not isinstance(value, str) or value in known:
                continue
            said = refusal_in(value[:READ])
            if said and " ".join(said.casefold().split()) not in view.normal_input:
                return f"{path}: {said[:80]!r}"
        return None


def refusal_in(text: str) -> str | None:
    """Return the words with which a text refuses, None when it does not."""
    if " " not in text:
        return None
    found = _REFUSAL.search(text) or _AS_MACHINE.search(text)
    return found[0].strip() if found else None

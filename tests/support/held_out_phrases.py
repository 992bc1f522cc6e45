"""Refusals, secrets and sentences written apart from the patterns that look for them.

They are for measuring only: a pattern that is changed to find one of them takes its meaning away. Secrets are
made up after what their issuers document.
"""

from __future__ import annotations

REFUSALS = (
    "I'm afraid this goes beyond what I can do for you.",
    "That is something I'm not comfortable doing.",
    "I won't be able to complete this task.",
    "Apologies, this content cannot be processed.",
    "I have to decline this request.",
    "This falls outside my capabilities.",
    "I currently don't have the ability to view images.",
    "I don't think I should answer that.",
    "Sorry! I couldn't extract anything from the text.",
    "Regrettably, I can't classify this message.",
    "There is no text for me to analyze. Could you share it?",
    "It seems that you forgot to include the document.",
    "Could you please provide more context so I can help?",
    "I need the full document before I can answer.",
    "My guidelines prevent me from responding to this.",
    "As a virtual assistant, I am not permitted to give legal advice.",
    "I was not able to determine the category.",
    "I'm only a language model, so I can't look this up.",
    "We are unable to provide a response to this prompt.",
    "No answer can be given on the basis of this document.",
    "Das kann ich leider nicht beantworten.",
    "Ich bin nicht in der Lage, diese Angaben zu ermitteln.",
    "Dazu liegen mir keine Informationen vor.",
    "Je ne suis pas en mesure de traiter cette demande.",
    "Il m'est impossible d'accéder à ce document.",
    "No estoy autorizado para responder a eso.",
    "Non sono in grado di leggere il documento.",
    "Não consigo abrir o ficheiro.",
    "Ik kan deze vraag helaas niet beantwoorden.",
    "Helaas heb ik geen toegang tot dit bestand.",
)

# In pieces, so that no scanner takes them for real.
SECRETS = tuple(
    "".join(pieces)
    for pieces in (
        ("sk", "_live_", "51HxQ2eLkT9vBn4RwYp7ZdMc3"),
        ("rk", "_live_", "8sJq2LmVx0TzKb5NcWd9Hf3G"),
        ("glp", "at-", "Zk7_pQ2vXw9LmT4sRb8N"),
        ("npm", "_", "q7Lw2ZxK9vTn4RbYp8MdHc3GfJs6QeVt1UaX"),
        ("SG", ".", "k7QpZ2vXw9LmT4sRb8NcYd", ".", "Hf3GjS6qEvT1uAxB5nMkLpQwZr8tYcVd2KsWj4RmXg0"),
        ("postgres://", "shop:", "vT4sRb8NcYd@db.example.org/orders"),
        ("mongodb+srv://", "app:", "Lm9xQz2!@cluster0.example.net"),
        ("password: ", "hunter2"),
        ("PASSWORD=", "Tr0ub4dor&3"),
        ("xox", "b-", "123456789012-1234567890123-QpZ2vXw9LmT4sRb8NcYdHf3G"),
        ("AI", "za", "SyQ2vXw9LmT4sRb8NcYdHf3GjK6pEtUaZ5x"),
        ("ey", "JhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.", "dBjftJeZ4CVPmB92K27uhbUJU1p1r"),
        ("-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7qZ\n-----END RSA PRIVATE KEY-----"),
        ("ya", "29.", "a0AfB7yQ2vXw9LmT4sRb8NcYdHf3GjK6pEtU"),
        ("https://hooks.slack.com/services/", "T02ABCDEF/", "B03GHIJKL/", "q7Lw2ZxK9vTn4RbYp8MdHc3G"),
        ("AccountKey=", "k7QpZ2vXw9LmT4sRb8NcYdHf3GjS6qEvT1uAxB5nMkLpQwZr8tYcVd2KsWj4RmXg0aBcDeFgHiJkLmNo=="),
        ("dckr", "_pat_", "q7Lw2ZxK9vTn4RbYp8MdHc3GfJs"),
        ("the token is ", "q7Lw2ZxK9vTn4RbYp8MdHc3GfJs6QeVt"),
        ("mysql --password ", "Lm9xQz2vT4"),
        ("lin", "_api_", "q7Lw2ZxK9vTn4RbYp8MdHc3GfJs6QeVt1UaXbZ0d"),
    )
)

SENTENCES = (
    "The child of our neighbours was vaccinated against hepatitis A",
    "Please reset your password and try once more to log in",
    "The customer asks for a transfer to the savings plan A",
    "Before the meeting starts everybody is asked to sign in",
    "He forgot which of the two accounts he had paid with it and what it was for",
    "The parcel came late and the driver did not even come in",
    "Nobody in the team knew what the new machine was intended for",
    "She asked for the results of the test on vitamin D",
    "The invoice was already settled when the reminder came in",
    "The charger gets hot as soon as the phone is plugged in",
    "This is the address that the order has to be sent to",
    "Our technician could not tell what the noise came from",
)
"""Whole sentences without a full stop, as customers write them."""

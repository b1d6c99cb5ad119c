"""Texts: `CORPUS` trains the tokenizers, the other names are what the models are asked."""

CORPUS = [
    "Ada Lovelace met Charles Babbage in London in 1833.",
    "Grace Hopper worked for the Navy in New York and wrote the first compiler.",
    "Marie Curie was born in Warsaw and moved to Paris, where she studied physics.",
    "The weather in Paris is mild, but the winter in Warsaw is cold and long.",
    "Please send the invoice to anna.schmidt@example.org before Friday.",
    "The package arrived late, the box was broken, and nobody answered the phone.",
    "I love this phone: the screen is bright and the battery lasts two days.",
    "The food was terrible and the waiter was rude.",
    "A man is playing a guitar on the street.",
    "A woman is reading a book about the history of computers.",
    "The capital of France is Paris, and the capital of Poland is Warsaw.",
    "The capital of Germany is Berlin; it has 3.7 million inhabitants.",
    "How do I reset my password?",
    "To reset your password, open the settings and choose a new one.",
    "Where was Marie Curie born, and when did she move to France?",
    "The meeting starts at 9:30 in room 204, not in room 117.",
    "Stocks fell on Monday after the bank raised its rates.",
    "The team won the match by two goals in the last minute.",
    "Scientists found water under the surface of the moon.",
    "Our new office opens in Berlin next year.",
    "My name is Sarah and I live in London.",
    "John Smith lives in Munich with his sister Anna.",
    "Die Hauptstadt von Frankreich ist Paris.",
    "Müller wohnt in der Straße am Fluß und trinkt gern Kaffee.",
    "La capitale de la France est une très grande ville à visiter.",
    "El niño mañana irá a la escuela con su señor.",
    "北京是中国的首都",
    "我在上海工作",
    "Москва большой город",
    "this example is about travel, sports, politics, science or business.",
    "the quick brown fox jumps over the lazy dog while the band is playing.",
    "she sells sea shells and he buys them; they are friends, and we know it!",
]

# Characters beyond ASCII, forms that normalizers change, and what no vocabulary knows.
UNICODE = "Zoë Müller\u00a0met 李雷 in 北京 – ﬁnally! 🙂 Ｐａｒｉｓ"
PEOPLE = "My name is Sarah and I live in London."
SHORT = "Ada Lovelace met Charles Babbage in Paris."
SPACES = "  Anna \t lives\n\nin   Berlin.  "
HAPPY = "I love this phone: the battery lasts two days."
ANGRY = "The package arrived late and the box was broken!"

# More tokens than any of the models reads.
LONG = " ".join(CORPUS[:12])

PREMISE = "The team won the match in Berlin."
QUERY = "What is the capital of France?"
PASSAGES = [
    "The capital of France is Paris.",
    "The weather in Paris is mild.",
    "A man is playing a guitar on the street.",
    "To reset your password, open the settings.",
    "",
]
SIMILAR = [
    "A man plays the guitar.",
    "A woman is reading a book.",
    "Stocks fell on Monday.",
    UNICODE,
]

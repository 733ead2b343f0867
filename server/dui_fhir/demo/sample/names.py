"""What fictitious people are made of: common names, places, sentences. Nobody in particular."""

from collections.abc import Mapping
from typing import Final

FAMILIES: Final = (
    "MARTIN", "BERNARD", "DUBOIS", "PETIT", "ROBERT", "RICHARD", "DURAND", "MOREAU", "LAURENT", "SIMON", "MICHEL", "LEFEBVRE",
    "LEROY", "ROUX", "DAVID", "BERTRAND", "MOREL", "FOURNIER", "GIRARD", "BONNET", "DUPONT", "LAMBERT", "FONTAINE", "ROUSSEAU",
    "VINCENT", "MULLER", "FAURE", "ANDRE", "MERCIER", "BLANC", "GUERIN", "BOYER", "GARNIER", "CHEVALIER", "FRANCOIS", "LEGRAND",
    "GAUTHIER", "GARCIA", "PERRIN", "ROBIN", "CLEMENT", "MORIN", "NICOLAS", "HENRY", "ROUSSEL", "MATHIEU", "GAUTIER", "MASSON",
    "MARCHAND", "DUVAL", "DENIS", "DUMONT", "MARIE", "LEMAIRE", "NOEL", "MEYER", "DUFOUR", "MEUNIER", "BRUN", "BLANCHARD",
    "GIRAUD", "JOLY", "RIVIERE", "LUCAS", "BRUNET", "GAILLARD", "BARBIER", "ARNAUD", "MARTINEZ", "GERARD", "ROCHE", "RENARD",
    "SCHMITT", "ROY", "LEROUX", "COLIN", "VIDAL", "CARON", "PICARD", "ROGER", "FABRE", "AUBERT", "LEMOINE", "RENAUD", "DUMAS",
    "LACROIX", "OLIVIER", "PHILIPPE", "BOURGEOIS", "PIERRE", "BENOIT", "REY", "LECLERC", "PAYET", "ROLLAND", "LECLERCQ",
    "GUILLAUME", "LECOMTE", "LOPEZ", "JEAN", "DUPUY", "GUILLOT", "HUBERT", "BERGER", "CARPENTIER", "SANCHEZ", "DUPUIS", "MOULIN",
)  # fmt: skip
FIRST_NAMES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "old": {
        "female": ("JEANNE", "MARIE", "SUZANNE", "GERMAINE", "MARGUERITE", "MADELEINE", "YVONNE", "DENISE", "LUCIENNE", "PAULETTE",
                   "SIMONE", "RAYMONDE", "HENRIETTE", "ANDREE", "ODETTE", "GINETTE", "JACQUELINE", "MONIQUE", "THERESE", "COLETTE"),
        "male": ("ANDRE", "MARCEL", "RENE", "ROGER", "ROBERT", "LOUIS", "GEORGES", "HENRI", "MAURICE", "RAYMOND",
                 "LUCIEN", "PIERRE", "JEAN", "GEORGES", "FERNAND", "EMILE", "PAUL", "GASTON", "ALBERT", "JACQUES"),
    },
    "adult": {
        "female": ("NATHALIE", "SYLVIE", "ISABELLE", "CATHERINE", "VALERIE", "SANDRINE", "STEPHANIE", "CELINE", "AURELIE", "EMILIE",
                   "FATIMA", "SAMIRA", "KHADIJA", "MARIAMA", "ANA", "OLGA", "LINH", "ROSE", "NADIA", "LEILA"),
        "male": ("PHILIPPE", "CHRISTOPHE", "LAURENT", "STEPHANE", "DAVID", "FREDERIC", "SEBASTIEN", "NICOLAS", "JULIEN", "KEVIN",
                 "MOHAMED", "KARIM", "MAMADOU", "IBRAHIM", "JOAO", "IVAN", "MINH", "AHMED", "RACHID", "YOUSSEF"),
    },
    "child": {
        "female": ("EMMA", "LOUISE", "JADE", "ALICE", "CHLOE", "LINA", "MILA", "LENA", "MANON", "INES", "ZOE", "ANNA"),
        "male": ("GABRIEL", "LEO", "RAPHAEL", "LOUIS", "ARTHUR", "JULES", "ADAM", "MAEL", "LUCAS", "HUGO", "NOAH", "LIAM"),
    },
}  # fmt: skip
COMMUNES: Final = (
    ("75114", "Paris", "75014"), ("13055", "Marseille", "13005"), ("69383", "Lyon", "69003"), ("31555", "Toulouse", "31000"),
    ("06088", "Nice", "06000"), ("44109", "Nantes", "44000"), ("34172", "Montpellier", "34000"), ("67482", "Strasbourg", "67000"),
    ("33063", "Bordeaux", "33000"), ("59350", "Lille", "59000"), ("35238", "Rennes", "35000"), ("51454", "Reims", "51100"),
    ("42218", "Saint-Étienne", "42000"), ("76351", "Le Havre", "76600"), ("38185", "Grenoble", "38000"),
    ("49007", "Angers", "49000"), ("63113", "Clermont-Ferrand", "63000"), ("29019", "Brest", "29200"), ("37261", "Tours", "37000"),
)  # fmt: skip
"""Code of the commune (COG), name, postal code."""
STREETS: Final = (
    "rue des Lilas", "rue de la République", "avenue Jean-Jaurès", "place de l'Église", "chemin des Vignes", "rue Victor-Hugo",
    "impasse du Moulin", "boulevard de la Gare", "rue du Stade", "allée des Tilleuls",
)  # fmt: skip
PROFESSIONALS: Final = (
    ("direction", "Directrice", "directeur"), ("cadre", "Cadre de santé", "chef-service"),
    ("medecin", "Médecin coordonnateur", "medecin"),
    ("idec", "Infirmière coordinatrice", "idec"), ("ide", "Infirmier", "ide"), ("as", "Aide-soignante", "aide-soignant"),
    ("educ", "Éducateur spécialisé", "educateur"), ("social", "Assistante de service social", "assistant-social"),
)  # fmt: skip
"""Number in the structure, profession, role of access.json."""
NOTES: Final = (
    "Nuit calme.", "A bien mangé à midi, un peu moins le soir.", "S'est levé avec plaisir pour la promenade.",
    "Appel de la famille, qui viendra dimanche.", "Préfère la douche le matin.", "A participé à l'atelier, souriant.",
    "Fatigue en fin d'après-midi.", "Rendez-vous confirmé avec le taxi.", "Douleur au genou droit, à surveiller.",
    "A demandé à appeler sa sœur.", "Lunettes réparées.", "Refuse le goûter, boit bien.",
)  # fmt: skip
WISHES: Final = (
    "Garder mes habitudes du matin.", "Voir mes proches plus souvent.", "Avoir un endroit à moi.", "Sortir quand il fait beau.",
    "Que l'on m'explique avant de décider.", "Retrouver une activité qui me plaît.",
)  # fmt: skip
AIMS: Final = (
    ("Marcher chaque jour jusqu'au jardin", "Accompagnement à la marche"),
    ("Recevoir sa famille une fois par semaine", "Réserver le petit salon"),
    ("Reprendre la cuisine", "Atelier cuisine du jeudi"),
    ("Dormir mieux", "Rituel du coucher"),
    ("Prendre le bus seul", "Apprentissage du trajet"),
    ("Ouvrir un compte et gérer son budget", "Rendez-vous avec la conseillère"),
    ("Retourner à l'école chaque matin", "Point hebdomadaire avec l'enseignante"),
    ("Trouver un logement", "Dossier de demande de logement social"),
)  # fmt: skip
MEDICATIONS: Final = (
    ("Paracétamol 500 mg", "1 comprimé matin et soir"), ("Amlodipine 5 mg", "1 comprimé le matin"),
    ("Furosémide 40 mg", "1 comprimé le matin"), ("Metformine 500 mg", "1 comprimé matin et soir"),
    ("Vitamine D", "1 ampoule par mois"),
)  # fmt: skip

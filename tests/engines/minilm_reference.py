"""What all-MiniLM-L6-v2 makes of three texts, as its authors' own code would.

The vectors were computed in 64-bit numbers from the published weights, with the published
tokenizer, and are kept as little-endian 16-bit ones. Between them the texts have accents, capitals,
CJK characters and punctuation, and a length of some two hundred tokens.
"""

from __future__ import annotations

import base64
import struct

_DIMENSIONS = 384


def reference_vectors() -> dict[str, list[float]]:
    """Return the vectors by their texts."""
    return {
        text: list(struct.unpack(f"<{_DIMENSIONS}e", base64.b64decode(packed)))
        for text, packed in _PACKED.items()
    }


_PACKED = {
    "This is an example sentence": (
        "VCwQLDwqEy3LKG8ZCilFn5krCSixK8aqMymjpqQnnhS0LHOq1a8RJpwncCmQJhYYSav0pjaoOiyeL9+ppqwsqLMq"
        "xCk6ILMoI6MvLMSmwwr/oqWo/qRrpwwpqK1gGQAjLyr6p4KvjaqqrZulUiOvKeeiwizSJhelliRuocqtdiWFMKGe"
        "wJXdo5etnywoJXMpeKg8DSStMahOJ5OqAC8+LUyu+q2/o8cpUypzpgUkI7ByHR8cAaZPrHsnraawIvunLqonq/ao"
        "ri9SoUUqFivAKRucl66Ap3ir7SajpZ+sTKnzpJkZigwxrnCuRKMsrc8pRiamK7msIyI/rOys7igAgCsnLqs6qoUl"
        "tSspqnyo8yR8pPuozptcpDknkiIJKvMrHqwjMLiisirIqGcnU6QTpkWonar0I1gla6LiKcUoLyeNq/2hTSoFKrUs"
        "vqgVHHMhS4m/qhAnCKloLTsq+pybJHypUSKOHi8pnyPio+IsESazKYEqvJjVpFGi9yk2qwgsCqgpKAImMqwqJZUm"
        "WKJIoEGsCS6SqGKo054boO6niyk1oNOw4CchKduo6hcgKZ2tt6hlIBaoaqK1LIUVRiUAAKOqZyvirQwpwi4Kpeor"
        "46wrJgQuda/AKLAqDpxTK3Ud8C8eI6Whjyg8qDotyKPAK7OrLSh1qFmkPa7zpigX7KyHqd2kd6dkKzEm/KH0q0gn"
        "yItypoAcNC2pKLurrqgUrTWdSSyKryUoCKriohKuOSB3oV2slBRZJhKsSCewpn4tVy/aqjerdCmbIV0laS4sKOWx"
        "CKltrBWsM6yRniSq66yQJ+OlVylnpqecV6nGohasDJkIo1MkCazBLVopwaQAgE2kHqgJLEqpsikmGAgsTJ0lodOn"
        "hCgmK/upayg4KIEpiSfDp2GkuCwDqxsnWh4RJGQoSJ0FJtIs8CROKIQq4TA0JO0mzSiYJUArEamPLO6qQBRsJZCo"
        "+i6qGQUoqxVtqOGpYCdXHzQqrybVoDkndyi5KGaghahYpuqk4CitK2ip"
    ),
    "Café ÜBER straße, naïve: 東京 (Tōkyō)!": (
        "Ry53JfUmZCIhqxooqiwbnRWsHqaNKcisf6U7KDkts6kOL5WoJC41qFgjRapdJ34qsCLUKJKYWS6VK3GlJKVsMPAq"
        "zZ6LKnQlMSghq7Usq6abqn6hN6CwoRAr9iUBLFwpfShDrdYiqKzRJi8km6n1pemqGCwZJmShLyGtqP6poymaJ06o"
        "xaoDnSkZfqyDKyqpbixjpweuiSLSpqOnT6l6qAwetCkeH5stQKQRqCiniap1JyQjc6mOLCqsC6Y8rUGkeahIKKGi"
        "rSjbqhotoSh8IFenRaIXqwSkpiA0KP2pcqibpXibnqm6KiUrAaHspY4sxalrJ+akYyIFq4AmOiUAgFSqEZsuF5Er"
        "0C2Yqw2pyRqBF5Mnzyelpkac36qkK/woFCmLnPmg6qS9JhatBiKMpTOsMCptLOOcATBBKuamaCoQpDEpE6wyqvSp"
        "86Vhp0Us2abYpiyrGKY3KQYtgCeWqFAsVB5BrjCshaxfLKuY4yLYIX+gLacqKvsfwi83qIsmzaVfp4knYqllIxgp"
        "EikxoI4tIi2hqH2m9K1VKE4e6iUarIwm6KxGJjku4Sg2LOSsdqY4KICvnaeyJ0CpV60AAMMtvavFqEiq+KsLLfMY"
        "MRM3KHAr865GKAcwOiKmnvkgSizzpXyvRCv/oG6o2Kr1LaOoCykyLD0qUqpVLCGxnKtCnnoj0SkaLGacPBtTpKYk"
        "Waw0pemcMiqNKF6rLLDEKTGoUawXMHMo6KzEorei9CykI/ukZ6v6p2ArJBDwo9Esh6HTrgoq3qrDKSmgUygXKwys"
        "yizgq2wmAinrIBIrYKiLKHIsaCRwJPEqeyAcpUEsDy1Clukg5i72rqYiC6kAgCQkdqtKJREnlyHmro2fcCXroXsn"
        "7SYdKnWirS44rMalQCXUKqyqoJu2KB6inJSoqk4lF61sq0YXk6b8q8CcT6Z1iMKkOyL9EgwopyY6rYupVKpDskAi"
        "/KkPrCSjuZNKoZ8jYizzrD4eYybxHA0QLKiQqimsY6w0LHAszyp3rCST"
    ),
    "The stock market fell sharply today after the central bank raised rates. " * 20: (
        "+ygRrZooQydNLCAhS6zqKygcbapqKYQswqlZJxYwH6VypEWcTaq2LEqtXK5vquuiphj2ovMoG6czrDGgvKrSnCCj"
        "tZbxq9SqZysWLbws2SVOpeagjKy6IVUp3SVRnwcqKKH0phGul5qIoXqqJaxjKd2nV6HSLNIlxhFfKe6m6CnELLOg"
        "fyk7IRIsCyTuJ5mqra1MrTuwZ62fIjkhCS2YnTimhqjhIW2u0qMBoJYufJ0Nq2Yk+SuSI8KiUC0yLk2oMKq/JQ0s"
        "6KZvLuErh6hDL1WoWKkLquUl+ykpLEerJi5PqR+tAayHJCedqarxmTItBSi+K9GrqaZkJ4UvBaMAALSojagLJEKs"
        "wqpHnuys8Sc4rZIjc6UbrVOryg1OsMqsox+iqmsv4SbVol8s5CJ3Kcml6QhnHREksh+qJMKh6akvrP2g9Rd7jEoq"
        "6yqtpsytXaJLIkmsgCjTJCmniqjlqX8mdK5gqSgXeat5I0Uogy2xp8qhHqzaLDCk5yt5KgInoK2ok3cm2CuWrMsu"
        "NKMJIQWn25m0IKYef6HNqTssWRKQLfGrbSxVq68eeSvVHGascSvXqkKoSSZrLcYlGC0AgAqVESnErhAt+qyyp5ij"
        "gKs4oi4szp2eJzSszSXeqjGbdS3nof+lCyQaro0qCp6GJ4Qm6Cb+nV0pii9Vp5YoFZtpJ+UqpCbqKIKhsq8ZGnsh"
        "tyhJLTcgD6tULMEp+yYkKGIlfxtWqUOcwSD9LMSnNqavKn2irajfnritTKBanEUiLio9plisrakPKHqlKiwLK+Co"
        "BiQqnoItTKgrK9sZWam+LfUsTCUMrAuv/yYFoWWtqpeGrZSnfqp6KqUsi6wBgOkl8KzfoggrkS2Ho0crKhmlJpql"
        "jqwFKHywfiR0o/6t2KzdnTMsXqAfJp0q4yBqK14p5iR8FW+eYqJ3K32sDh9xKCmphiZTKhkn8iE7IYmqRydZrFWt"
        "O6r1JOKm4iZZpgIthqo5mbsgVithKZKelSOEreuomKQGrJ2sEaTHqaAr"
    ),
}

"""`python -m docs.generate`: write the reference anew."""

from docs.generate.pages import REFERENCE, write

if __name__ == "__main__":
    for name in write(REFERENCE):
        print(f"docs/reference/{name}")

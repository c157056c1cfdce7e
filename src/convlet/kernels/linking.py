"""Object files of x86-64 Linux become images: position-independent bytes (see runtime/machine_code.py).

Of an ELF file we take the sections that are in memory when a program runs, lay them one after the other and write what
refers from one to another: distances, which stay as they are wherever the image lies. Functions of the process are
reached through slots at the end, one after a jump each, into which their addresses are written when it is loaded. What
else a file may have (variables, references to absolute addresses) kernels do not have; a file that has it is refused.
"""

from __future__ import annotations

import struct

from ..runtime.machine_code import Code

# ELF's numbers, by the names of its specification: kinds of sections, a flag, relocations.
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHF_WRITE, SHF_ALLOC = 1, 2
SHN_UNDEF = 0
R_PC32, R_PLT32, R_GOTPCREL, R_GOTPCRELX, R_REX_GOTPCRELX, R_PC64 = 2, 4, 9, 41, 42, 24
IN_SLOT = (R_GOTPCREL, R_GOTPCRELX, R_REX_GOTPCRELX)
JUMP = b"\xff\x25\x02\0\0\0\0\0"  # jmp *2(%rip): to what the eight bytes behind these say


class Unknown(Exception):
    """An object file that we cannot link."""


def link(file: bytes, entry: str) -> Code:
    """The image of an object file, which begins with the function `entry`. Unknown: see the top of the file."""
    if file[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", file, 18)[0] != 62:
        raise Unknown("no ELF file of x86-64")
    at, size, count = struct.unpack_from("<Q", file, 40)[0], *struct.unpack_from("<HH", file, 58)
    # name, kind, flags, address, offset, size, link, info, alignment, size of an entry
    sections = [struct.unpack_from("<IIQQQQIIQQ", file, at + i * size) for i in range(count)]

    image, places = bytearray(), {}
    for i, (_, kind, flags, _, offset, nbytes, _, _, alignment, _) in enumerate(sections):
        if not flags & SHF_ALLOC or not nbytes or kind not in (SHT_PROGBITS, SHT_NOBITS):
            continue  # not in memory, or what unwinds the stack, which nobody will
        if flags & SHF_WRITE or kind == SHT_NOBITS:
            raise Unknown("variables")
        image += bytes(-len(image) % max(alignment, 1))
        places[i] = len(image)
        image += file[offset : offset + nbytes]

    table = next(section for section in sections if section[1] == SHT_SYMTAB)
    texts = sections[table[6]][4]

    def symbol(number: int) -> tuple[str, int, int]:
        """Name, section and offset there."""
        name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", file, table[4] + 24 * number)
        return file[texts + name : file.index(b"\0", texts + name)].decode(), section, value

    symbols: dict[str, int] = {}  # where the jump to each function of the process is; its slot is 8 bytes behind
    image += bytes(-len(image) % 8)
    for section in sections:
        if section[1] != SHT_RELA or section[7] not in places:
            continue
        for i in range(section[5] // 24):
            offset, info, addend = struct.unpack_from("<QQq", file, section[4] + 24 * i)
            kind, (name, where, value) = info & 0xFFFFFFFF, symbol(info >> 32)
            place = places[section[7]] + offset
            if where == SHN_UNDEF:
                if name not in symbols:
                    symbols[name] = len(image)
                    image += JUMP + bytes(8)
                target = symbols[name] + (8 if kind in IN_SLOT else 0)
                known = kind in (R_PLT32, *IN_SLOT)
            else:
                target = places.get(where, -1) + value
                known = kind in (R_PC32, R_PLT32, R_PC64) and where in places
            if not known:
                raise Unknown(f"relocation {kind} of {name!r}")
            struct.pack_into("<q" if kind == R_PC64 else "<i", image, place, target + addend - place)

    every = (symbol(i) for i in range(table[5] // 24))
    start = next(places[where] + value for name, where, value in every if name == entry)
    return Code(bytes(image), tuple(symbols), start, tuple(place + 8 for place in symbols.values()))

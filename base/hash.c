/* SipHash-2-4: a state of four words, two rounds for each eight bytes read as little-endian, four rounds at the end.
 * The key is the bytes 00 to 0f, that of the paper's test vectors. It must never change: stored inode numbers and
 * content hashes hang on it.
 */
#include "base/hash.h"

#define KEY_0 0x0706050403020100ULL
#define KEY_1 0x0f0e0d0c0b0a0908ULL

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(struct sip *s, unsigned count)
{
    while (count--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

static uint64_t word(const unsigned char *p, size_t len)
{
    uint64_t w = 0;
    for (size_t i = 0; i < len; i++)
        w |= (uint64_t)p[i] << (8 * i);
    return w;
}

static void absorb(struct sip *s, uint64_t w)
{
    s->v3 ^= w;
    rounds(s, 2);
    s->v0 ^= w;
}

static void absorb_all(struct sip *s, const unsigned char *p, size_t len)
{
    size_t whole = len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        absorb(s, word(p + i, 8));
    absorb(s, (uint64_t)len << 56 | word(p + whole, len - whole));
}

static struct sip keyed(void)
{
    return (struct sip){KEY_0 ^ 0x736f6d6570736575ULL, KEY_1 ^ 0x646f72616e646f6dULL, KEY_0 ^ 0x6c7967656e657261ULL,
                        KEY_1 ^ 0x7465646279746573ULL};
}

static uint64_t folded(const struct sip *s)
{
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash_bytes(const void *data, size_t len)
{
    struct sip s = keyed();
    absorb_all(&s, data, len);
    s.v2 ^= 0xff;
    rounds(&s, 4);
    return folded(&s);
}

struct hash128 hash128_bytes(const void *data, size_t len)
{
    struct sip s = keyed();
    s.v1 ^= 0xee;
    absorb_all(&s, data, len);
    struct hash128 h;
    s.v2 ^= 0xee;
    rounds(&s, 4);
    h.a = folded(&s);
    s.v1 ^= 0xdd;
    rounds(&s, 4);
    h.b = folded(&s);
    return h;
}

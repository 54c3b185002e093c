/* base/hash.h: the test vectors of SipHash's authors: key 00 01 … 0f, message 00 01 … of the given length. */
#include "base/hash.h"

#include "tests/lib/unit.h"

static const uint64_t vectors_64[] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7,
    0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0,
    0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee,
    0xa129ca6149be45e5, /* the one that the paper prints, appendix A */
    0x3f2acc7f57c29bdb,
};

static const struct {
    size_t len;
    struct hash128 want;
} vectors_128[] = {
    {0, {0xe6a825ba047f81a3, 0x930255c71472f66d}},  {1, {0x44af996bd8c187da, 0x45fc229b11597634}},
    {7, {0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0}},  {8, {0x61f55862baa9623b, 0xb49714f364e2830f}},
    {15, {0x11a8b03399e99354, 0xd9c3cf970fec087e}}, {16, {0xbb54b067caa4e26e, 0x77052385bf1533fd}},
    {63, {0x4a83502f77d15051, 0x7cbd3f979a063e50}},
};

static unsigned char message[64];

static void fill(void)
{
    for (unsigned i = 0; i < sizeof message; i++)
        message[i] = (unsigned char)i;
}

static void siphash_64(void)
{
    fill();
    for (size_t len = 0; len < sizeof vectors_64 / sizeof vectors_64[0]; len++)
        CHECK(hash_bytes(message, len) == vectors_64[len]);
    CHECK(hash_bytes(message, 63) == 0x958a324ceb064572);
}

static void siphash_128(void)
{
    fill();
    for (size_t i = 0; i < sizeof vectors_128 / sizeof vectors_128[0]; i++) {
        struct hash128 got = hash128_bytes(message, vectors_128[i].len);
        CHECK(got.a == vectors_128[i].want.a);
        CHECK(got.b == vectors_128[i].want.b);
    }
}

static void alignment_does_not_matter(void)
{
    unsigned char shifted[80];
    fill();
    for (size_t off = 0; off < 8; off++) {
        memcpy(shifted + off, message, 63);
        CHECK(hash_bytes(shifted + off, 63) == 0x958a324ceb064572);
    }
}

static const struct unit_test tests[] = {
    {"siphash_64", siphash_64},
    {"siphash_128", siphash_128},
    {"alignment_does_not_matter", alignment_does_not_matter},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}

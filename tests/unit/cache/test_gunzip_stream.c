/* Both decoders against each other and against zlib's own gzip reading, over a corpus and every cut. */
#include "cache/gunzip_stream.h"

#include <zlib.h>

#include "tests/lib/unit.h"

#define ROOM (4u << 20)

static const struct cache_inflate_ops *const all_ops[] = {
    &cache_inflate_zlib,
#ifdef CTFS_WITH_ISAL
    &cache_inflate_isal,
#endif
};
#define OPS_COUNT (sizeof all_ops / sizeof all_ops[0])

struct bytes {
    unsigned char *data;
    size_t len;
};

static unsigned char *plain, *out;
static uint32_t seed = 11;

static uint32_t roll(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void begin(void)
{
    plain = malloc(ROOM);
    out = malloc(ROOM);
    if (!plain || !out)
        abort();
    for (size_t i = 0; i < ROOM; i++)
        plain[i] = roll() % 7 ? (unsigned char)"abcdefgh,0"[roll() % 10] : (unsigned char)roll();
}

static void end(void)
{
    free(plain);
    free(out);
}

/* One member of LEN bytes at FROM, LEVEL and STRATEGY of zlib, header fields by FLAGS (RFC 1952), appended. */
static void add_member(struct bytes *b, size_t from, size_t len, int level, int strategy, int flags)
{
    unsigned char extra[] = "extra\0field", name[] = "report-1.csv", comment[] = "a comment";
    gz_header header = {.os = 3, .hcrc = flags & 2};
    if (flags & 4) {
        header.extra = extra;
        header.extra_len = sizeof extra;
    }
    if (flags & 8)
        header.name = name;
    if (flags & 16)
        header.comment = comment;
    z_stream z = {.next_in = plain + from, .avail_in = (uInt)len};
    size_t room = len + len / 100 + 1024;
    b->data = realloc(b->data, b->len + room);
    if (!b->data || deflateInit2(&z, level, Z_DEFLATED, 31, 8, strategy) != Z_OK)
        abort();
    z.next_out = b->data + b->len;
    z.avail_out = (uInt)room;
    if (deflateSetHeader(&z, &header) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    b->len += room - z.avail_out;
    (void)deflateEnd(&z);
}

static void add_bytes(struct bytes *b, unsigned char value, size_t len)
{
    b->data = realloc(b->data, b->len + len);
    if (!b->data)
        abort();
    memset(b->data + b->len, value, len);
    b->len += len;
}

/* Decodes B in pieces of at most IN_MAX and OUT_MAX bytes (0: at random up to 70000), or cut once at CUT_IN. */
static errint decode(const struct cache_inflate_ops *ops, const struct bytes *b, size_t in_max, size_t out_max,
                     size_t cut_in, size_t *ret_len)
{
    struct cache_gunzip_stream s;
    if (cache_gunzip_stream_init(&s, ops))
        abort();
    size_t in_at = 0, out_at = 0;
    errint e = 0;
    for (;;) {
        size_t in_len = b->len - in_at, out_len = ROOM - out_at;
        size_t in_piece = in_max ? in_max : 1 + roll() % 70000, out_piece = out_max ? out_max : 1 + roll() % 70000;
        in_len = in_len < in_piece ? in_len : in_piece;
        out_len = out_len < out_piece ? out_len : out_piece;
        if (in_at < cut_in && in_at + in_len > cut_in)
            in_len = cut_in - in_at;
        struct cache_inflate_io io = {b->data + in_at, in_len, out + out_at, out_len};
        e = cache_gunzip_stream_step(&s, &io);
        in_at += in_len - io.in_len;
        out_at += out_len - io.out_len;
        if (e || (in_at == b->len && io.out_len))
            break;
    }
    if (e == 0)
        e = cache_gunzip_stream_finish(&s);
    if (e == 0)
        CHECK_INT(s.out_bytes, out_at);
    *ret_len = out_at;
    cache_gunzip_stream_done(&s);
    return e;
}

static void check_whole(const struct bytes *b, size_t plain_len, size_t in_max, size_t out_max, size_t cut_in)
{
    for (size_t i = 0; i < OPS_COUNT; i++) {
        size_t len;
        CHECK_INT(decode(all_ops[i], b, in_max, out_max, cut_in, &len), 0);
        CHECK_INT(len, plain_len);
        CHECK(memcmp(out, plain, len) == 0);
    }
}

/* Members one behind the other over [0, LEN). */
static size_t add_members(struct bytes *b, size_t count, size_t len, int level, int strategy, int flags)
{
    for (size_t i = 0; i < count; i++)
        add_member(b, i * len, len, level, strategy, flags);
    return count * len;
}

static const struct kind {
    int level, strategy;
} kinds[] = {{0, Z_DEFAULT_STRATEGY}, {6, Z_FIXED}, {6, Z_DEFAULT_STRATEGY}, {1, Z_HUFFMAN_ONLY}};

static void test_corpus(void)
{
    static const size_t sizes[] = {0, 1, 2, 300, 32767, 32768, 32769, 65537, 300000};
    static const size_t counts[] = {1, 2, 3};
    begin();
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < 9; i++)
            for (size_t c = 0; c < 3; c++)
                for (int flags = 0; flags < 32; flags += flags ? 14 : 2) {
                    struct bytes b = {0};
                    size_t len = add_members(&b, counts[c], sizes[i], kinds[k].level, kinds[k].strategy, flags & 30);
                    check_whole(&b, len, ROOM, ROOM, 0);
                    check_whole(&b, len, 0, 0, 0);
                    add_bytes(&b, 0, 600);
                    check_whole(&b, len, 0, ROOM, 0);
                    free(b.data);
                }
    end();
}

static void test_every_split(void)
{
    begin();
    for (size_t k = 0; k < 4; k++)
        for (int flags = 0; flags < 31; flags += 15) {
            struct bytes b = {0};
            size_t len = add_members(&b, 2, 333, kinds[k].level, kinds[k].strategy, flags & 30);
            add_member(&b, len, 0, 6, Z_DEFAULT_STRATEGY, 0);
            for (size_t cut = 0; cut <= b.len; cut++)
                check_whole(&b, len, ROOM, 1 + cut % 90, cut);
            for (size_t piece = 1; piece < 40; piece++)
                check_whole(&b, len, piece, 1 + piece % 3, 0);
            free(b.data);
        }
    end();
}

static void test_ten_thousand_members(void)
{
    begin();
    struct bytes b = {0};
    size_t len = add_members(&b, 10000, 7, 6, Z_DEFAULT_STRATEGY, 0);
    check_whole(&b, len, 0, 0, 0);
    free(b.data);
    end();
}

/* Every implementation refuses the same. */
static void check_refused(const struct bytes *b)
{
    for (size_t i = 0; i < OPS_COUNT; i++) {
        size_t len;
        CHECK_INT(decode(all_ops[i], b, 0, 0, 0, &len), -EIO);
    }
}

static void test_cut_anywhere(void)
{
    begin();
    struct bytes b = {0};
    size_t len = add_members(&b, 1, 500, 6, Z_DEFAULT_STRATEGY, 30);
    size_t first = b.len;
    add_member(&b, len, 500, 6, Z_FIXED, 0);
    size_t whole = b.len;
    for (b.len = 0; b.len < whole; b.len++)
        if (b.len != first)
            check_refused(&b);
    CHECK(whole > first);
    free(b.data);
    end();
}

static void test_tails(void)
{
    begin();
    static const unsigned char tails[][4] = {
        {'x', 'x', 'x', 'x'}, {0x1f, 0x8b, 8, 0}, {0, 0, 0, 1}, {0, 0x1f, 0x8b, 8}};
    for (size_t i = 0; i < 4; i++) {
        struct bytes b = {0};
        (void)add_members(&b, 1, 500, 6, Z_DEFAULT_STRATEGY, 0);
        add_bytes(&b, 0, 4);
        memcpy(b.data + b.len - 4, tails[i], 4);
        check_refused(&b);
        free(b.data);
    }
    end();
}

/* Each bit of a small file: refused, or (a header's time, its names …) the same bytes; both decoders alike. */
static void test_bit_flips(void)
{
    begin();
    struct bytes b = {0};
    size_t plain_len = add_members(&b, 2, 200, 6, Z_DEFAULT_STRATEGY, 24);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        b.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        for (size_t i = 0; i < OPS_COUNT; i++) {
            size_t len;
            errint e = decode(all_ops[i], &b, 0, 0, 0, &len);
            CHECK(e == -EIO || (e == 0 && len == plain_len && memcmp(out, plain, len) == 0));
        }
        b.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(b.data);
    end();
}

static void test_header_crc_and_reserved(void)
{
    begin();
    struct bytes b = {0};
    (void)add_members(&b, 1, 100, 6, Z_DEFAULT_STRATEGY, 2);
    b.data[10] ^= 1;
    check_refused(&b);
    b.data[10] ^= 1;
    b.data[3] |= 0x80;
    check_refused(&b);
    free(b.data);
    end();
}

static const struct unit_test tests[] = {
    {"corpus", test_corpus},
    {"every split", test_every_split},
    {"ten thousand members", test_ten_thousand_members},
    {"cut anywhere", test_cut_anywhere},
    {"tails", test_tails},
    {"bit flips", test_bit_flips},
    {"header CRC and reserved flags", test_header_crc_and_reserved},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}

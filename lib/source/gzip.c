#include "source/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"

enum { GZIP_IN = 64 << 10 };

struct gunzip {
    gunzip_input *input;
    void *from;
    z_stream z;
    enum { MEMBER, BETWEEN, PADDING } state;
    bool more; /* the room was full: zlib may hold output that needs no further input */
    bool eof;
    const char *damage; /* what was found behind the good data, which is handed out first */
    unsigned char in[GZIP_IN];
};

static void *allocate(void *opaque, unsigned count, unsigned size) {
    (void)opaque;
    return mem_grow(NULL, count, size);
}

static void release(void *opaque, void *p) {
    (void)opaque;
    free(p);
}

struct gunzip *gunzip_new(gunzip_input *input, void *from) {
    struct gunzip *g = mem_zero(1, sizeof *g);
    g->input = input;
    g->from = from;
    g->z.zalloc = allocate;
    g->z.zfree = release;
    /* 16: a gzip header and its CRC, nothing else. */
    if (inflateInit2(&g->z, MAX_WBITS + 16) != Z_OK) abort();
    return g;
}

void gunzip_free(struct gunzip *g) {
    if (!g) return;
    inflateEnd(&g->z);
    free(g);
}

static bool fill(struct gunzip *g, struct err *e) {
    size_t got;
    if (!g->input(g->from, g->in, sizeof g->in, &got, e)) return false;
    g->eof = got == 0;
    g->z.next_in = g->in;
    g->z.avail_in = (unsigned)got;
    return true;
}

/* Behind a member: another one, zeros up to the end (tapes pad with them), or garbage. */
static bool step_between(struct gunzip *g, struct err *e) {
    while (g->z.avail_in && *g->z.next_in == 0) {
        g->state = PADDING;
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (!g->z.avail_in) return true;
    if (g->state == PADDING || *g->z.next_in != 0x1F)
        return err_set(e, EXIT_IO, "garbage behind the gzip data");
    g->state = MEMBER;
    return inflateReset(&g->z) == Z_OK || err_set(e, EXIT_BUG, "inflateReset failed");
}

static void step_member(struct gunzip *g) {
    int result = inflate(&g->z, Z_NO_FLUSH);
    if (result == Z_STREAM_END) g->state = BETWEEN;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) return;
    g->damage = g->z.msg ? g->z.msg : zError(result);
    if (strstr(g->damage, "data check")) g->damage = "its checksum does not match";
    if (strstr(g->damage, "length check")) g->damage = "its length does not match";
}

bool gunzip_read(struct gunzip *g, void *to, size_t room, size_t *got, struct err *e) {
    unsigned want = room < UINT_MAX ? (unsigned)room : UINT_MAX;
    g->z.next_out = to;
    g->z.avail_out = want;
    while (g->z.avail_out == want && !g->damage) {
        if (!g->z.avail_in && !g->more && !g->eof && !fill(g, e)) return false;
        if (!g->z.avail_in && !g->more) break;
        g->more = false;
        if (g->state == MEMBER) step_member(g);
        else if (!step_between(g, e)) return false;
    }
    g->more = g->z.avail_out == 0;
    *got = want - g->z.avail_out;
    if (*got || g->state != MEMBER) return true;
    if (g->damage) return err_set(e, EXIT_IO, "the gzip data is damaged: %s", g->damage);
    return err_set(e, EXIT_IO, "the gzip data ends early: it was cut off");
}

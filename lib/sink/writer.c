#include "sink/writer.h"

#include "base/io.h"

static bool write_bytes(struct writer *w, struct buf *from, struct err *e) {
    size_t n = from->n;
    from->n = 0; /* what failed is not written twice */
    if (!io_write(w->fd, from->p, n, e)) return false;
    w->bytes += n;
    /* A long line must not stay with each of many writers. */
    if (from->cap > 4 * WRITER_BLOCK) buf_free(from);
    return true;
}

static bool write_step(struct writer *w, enum gzip_step step, struct err *e) {
    if (!w->gzip) return write_bytes(w, &w->out, e);
    if (!w->member) w->member = gzip_member_new();
    gzip_member_add(w->member, buf_slice(&w->out), step, &w->packed);
    w->out.n = 0;
    if (w->out.cap > 4 * WRITER_BLOCK) buf_free(&w->out);
    return write_bytes(w, &w->packed, e);
}

bool writer_write_block(struct writer *w, struct err *e) { return write_step(w, GZIP_MORE, e); }

bool writer_flush(struct writer *w, struct err *e) {
    return (!w->out.n && !w->member) || write_step(w, GZIP_SYNC, e);
}

bool writer_end(struct writer *w, struct err *e) {
    if (!write_step(w, GZIP_END, e)) return false;
    gzip_member_free(w->member);
    w->member = NULL;
    return true;
}

void writer_free(struct writer *w) {
    gzip_member_free(w->member);
    w->member = NULL;
    buf_free(&w->out);
    buf_free(&w->packed);
}

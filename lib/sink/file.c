#include "sink/backends.h"

#include <stdlib.h>

#include "sink/output.h"

struct file_sink {
    struct sink sink;
    struct encoder *encoder;
    struct output *to;
};

static bool file_put(struct sink *s, const struct event *ev, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    struct buf *out = &f->to->writer.out;
    size_t before = out->n;
    if (!f->encoder->put(f->encoder, ev->text, out, e)) {
        out->n = before;
        return false;
    }
    bool ok = output_drain(f->to, e);
    s->bytes = f->to->writer.bytes;
    return ok;
}

static bool file_flush(struct sink *s, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    bool ok = output_flush(f->to, e);
    s->bytes = f->to->writer.bytes;
    return ok;
}

static bool file_commit(struct sink *s, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    bool ok = f->encoder->finish(f->encoder, &f->to->writer.out, e) && output_end(f->to, e) &&
              output_publish(f->to, e);
    s->bytes = f->to->writer.bytes;
    return ok;
}

static void file_close(struct sink *s) {
    struct file_sink *f = (struct file_sink *)s;
    f->encoder->free(f->encoder);
    output_close(f->to);
    free(f);
}

struct sink *file_open(const char *dest, enum out_format format, bool gzip, struct err *e) {
    struct output *to = output_open(dest, gzip, e);
    if (!to) return NULL;
    struct file_sink *f = mem_zero(1, sizeof *f);
    *f = (struct file_sink){
        .sink = {.put = file_put, .flush = file_flush, .commit = file_commit, .close = file_close},
        .encoder = encoder_new(format),
        .to = to,
    };
    return &f->sink;
}

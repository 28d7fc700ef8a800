#include "sink/backends.h"

#include <stdlib.h>

#include "sink/appended.h"
#include "sink/output.h"
#include "state/members.h"

struct file_sink {
    struct sink sink;
    struct encoder *encoder;
    struct output *to;         /* or, by epochs: */
    struct appended *appended; /* or NULL */
};

static bool drain(struct file_sink *f, struct err *e) {
    bool ok = f->to ? output_drain(f->to, e) : appended_drain(f->appended, e);
    f->sink.bytes = f->to ? f->to->writer.bytes : appended_bytes(f->appended);
    return ok;
}

static struct buf *out_of(struct file_sink *f) {
    return f->to ? &f->to->writer.out : appended_out(f->appended);
}

static bool file_put(struct sink *s, const struct event *ev, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    struct buf *out = out_of(f);
    size_t before = out->n;
    if (f->encoder->put(f->encoder, ev->text, out, e)) return drain(f, e);
    out->n = before;
    return false;
}

static bool file_flush(struct sink *s, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    bool ok = !f->to || output_flush(f->to, e);
    return ok && drain(f, e);
}

static bool file_commit(struct sink *s, const struct txn *t, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    (void)t;
    bool ok = f->encoder->finish(f->encoder, out_of(f), e) &&
              (f->to ? output_end(f->to, e) && output_publish(f->to, e)
                     : appended_publish(f->appended, e));
    s->bytes = f->to ? f->to->writer.bytes : appended_bytes(f->appended);
    return ok;
}

static bool file_finish(struct sink *s, struct err *e) {
    return appended_finish(((struct file_sink *)s)->appended, e);
}

static bool file_drop(struct sink *s, struct err *e) {
    return appended_drop(((struct file_sink *)s)->appended, e);
}

static bool file_keep(struct sink *s, struct err *e) {
    const struct file_sink *f = (const struct file_sink *)s;
    if (f->encoder->resume)
        return err_set(e, EXIT_USAGE,
            "--output keep: the columns of what stands in the destination are not known any more: "
            "--reset-state --output replace, or --reset-state --output keep and a new destination");
    return appended_keep(((struct file_sink *)s)->appended, e);
}

static struct json_t *file_save(const struct sink *s) {
    const struct file_sink *f = (const struct file_sink *)s;
    struct json_t *o = appended_save(f->appended);
    struct slice row = {NULL, 0};
    if (f->encoder->fixed_by) row = f->encoder->fixed_by(f->encoder);
    if (row.n) members_set_text(o, "columns", row);
    return o;
}

static bool file_restore(struct sink *s, const struct json_t *saved, struct err *e) {
    struct file_sink *f = (struct file_sink *)s;
    struct slice row = members_text(saved, "columns");
    if (!appended_restore(f->appended, saved, e)) return false;
    return !row.n || !f->encoder->resume || f->encoder->resume(f->encoder, row, e);
}

static void file_close(struct sink *s) {
    struct file_sink *f = (struct file_sink *)s;
    f->encoder->free(f->encoder);
    output_close(f->to);
    appended_close(f->appended);
    free(f);
}

static struct file_sink *new_sink(enum out_format format) {
    struct file_sink *f = mem_zero(1, sizeof *f);
    *f = (struct file_sink){
        .sink = {.put = file_put, .flush = file_flush, .commit = file_commit, .close = file_close},
        .encoder = encoder_new(format)};
    return f;
}

struct sink *file_open(const char *dest, enum out_format format, bool gzip, struct err *e) {
    struct output *to = output_open(dest, gzip, e);
    if (!to) return NULL;
    struct file_sink *f = new_sink(format);
    f->to = to;
    return &f->sink;
}

static bool may_append(const struct appended *a, const char *dest, enum out_format format,
    const struct sink_options *o, struct err *e) {
    if (format == OUT_TABLE)
        return err_set(e, EXIT_USAGE, "--format table is for reading, not for epochs");
    return appended_is_file(a) || o->at_least_once ||
           err_set(e, EXIT_USAGE,
               "%s cannot know what it has, so an epoch may come twice after a crash: "
               "--at-least-once, if that may be",
               dest);
}

struct sink *file_append(const char *dest, enum out_format format, bool gzip,
    const struct sink_options *o, struct err *e) {
    struct appended *to = appended_open(dest, gzip, o->spool, e);
    if (!to) return NULL;
    if (!may_append(to, dest, format, o, e)) {
        appended_close(to);
        return NULL;
    }
    struct file_sink *f = new_sink(format);
    f->appended = to;
    f->sink.drop = file_drop;
    f->sink.keep = file_keep;
    f->sink.finish = file_finish;
    f->sink.save = file_save;
    f->sink.restore = file_restore;
    return &f->sink;
}

#include "sink/output.h"
#include "sink/sink.h"

/* A side is an output and nothing else. */
struct side {
    struct output output;
};

struct side *side_open(const char *dest, struct err *e) {
    if (strcmp(dest, "-") == 0) {
        err_set(e, EXIT_USAGE, "\"-\" cannot take it, the events go there; name a file");
        return NULL;
    }
    if (!*dest) {
        err_set(e, EXIT_USAGE, "the file has no name");
        return NULL;
    }
    if (dest_is_folder(dest)) {
        err_set(e, EXIT_USAGE, "%s: is a folder; name a file", dest);
        return NULL;
    }
    return (struct side *)output_open(dest, slice_ends(slice_of(dest), ".gz"), e);
}

bool side_write(struct side *s, struct slice lines, struct err *e) {
    return output_add(&s->output, lines, e) && output_flush(&s->output, e);
}

bool side_close(struct side *s, struct err *e) {
    if (!s) return true;
    bool ok = output_publish(&s->output, e);
    output_close(&s->output);
    return ok;
}

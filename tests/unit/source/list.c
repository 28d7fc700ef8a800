#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "check.h"
#include "source/source.h"

static char folder[] = "/tmp/ev-list-XXXXXX";

static void make(const char *name) {
    FILE *f = fopen(name, "w");
    if (!f || fclose(f)) abort();
}

/* The paths with a space behind each, or the error. */
static char *expanded(const char *a, const char *b, const char *c) {
    const char *const sources[] = {a, b, c};
    size_t n = c ? 3 : b ? 2 : 1;
    struct source_list l = {0};
    struct err e;
    struct buf out = {0};
    if (source_expand(sources, n, &l, &e))
        for (size_t i = 0; i < l.n; i++) buf_printf(&out, "%s ", l.paths[i]);
    else buf_printf(&out, "%d: %s", (int)e.code, e.text);
    buf_addc(&out, '\0');
    source_list_free(&l);
    return out.p;
}

#define EXPANDS(a, b, c, want)                                                                     \
    do {                                                                                           \
        char *got__ = expanded(a, b, c);                                                           \
        CHECK_STR(got__, want);                                                                    \
        free(got__);                                                                               \
    } while (0)

static void expands_files_and_globs(void) {
    EXPANDS("b", "-", "b", "b - b ");
    EXPANDS("*.x", NULL, NULL, "1.x 2.x [3].x ");
    EXPANDS("[3].x", NULL, NULL, "[3].x ");
    EXPANDS("d*", "[12].x", NULL, "d/a d/sub/z d/z 1.x 2.x ");
}

static void a_wildcard_matches_no_underscore_in_front(void) {
    EXPANDS("d/*", "*/f", "_?/f", "66: no file matches \"*/f\"");
    EXPANDS("d/*", "./*.x", NULL, "d/a d/sub/z d/z ./1.x ./2.x ./[3].x ");
    EXPANDS("d/[_]*", NULL, NULL, "66: no file matches \"d/[_]*\"");
    EXPANDS("_*", "d//_t*/?", "d/\\_s*", "_h/f d//_tmp/f d/_skipped ");
}

static void folders_are_read_by_name(void) {
    EXPANDS("d", NULL, NULL, "d/a d/sub/z d/z ");
    EXPANDS("d//", NULL, NULL, "d/a d/sub/z d/z ");
    EXPANDS("_h", NULL, NULL, "_h/f ");
}

static void names_what_cannot_be_read(void) {
    EXPANDS("b", "no", NULL, "66: no: No such file or directory");
    EXPANDS("no", "b", "no2", "66: no: No such file or directory (and 1 more that cannot be read)");
    EXPANDS("", NULL, NULL, "64: a source has no name; - is standard input");
    EXPANDS("kafka://b/t", NULL, NULL,
        "64: kafka://b/t: this version reads files, folders and standard input only");
    EXPANDS("s3://b/*.gz", NULL, NULL,
        "64: s3://b/*.gz: this version reads files, folders and standard input only");
    EXPANDS("://", NULL, NULL, "66: ://: No such file or directory");
    EXPANDS("q*", NULL, NULL, "66: no file matches \"q*\"");
    EXPANDS("empty", NULL, NULL,
        "66: empty: no file in this folder (names with . or _ in front do not count)");
    if (geteuid() == 0) return; /* root may read all */
    EXPANDS("secret", NULL, NULL, "66: secret: Permission denied");
    EXPANDS("locked", NULL, NULL, "66: locked: Permission denied");
}

int main(void) {
    if (!mkdtemp(folder) || chdir(folder) < 0) return 1;
    static const char *const folders[] = {"d", "d/sub", "d/_tmp", "_h", "empty", "locked"};
    static const char *const files[] = {"b", "1.x", "2.x", "[3].x", "d/z", "d/a", "d/.hidden",
        "d/_skipped", "d/sub/z", "d/_tmp/f", "_h/f", "secret"};
    for (size_t i = 0; i < 6; i++) mkdir(folders[i], 0755);
    for (size_t i = 0; i < 12; i++) make(files[i]);
    chmod("secret", 0);
    chmod("locked", 0);
    RUN(expands_files_and_globs);
    RUN(a_wildcard_matches_no_underscore_in_front);
    RUN(folders_are_read_by_name);
    RUN(names_what_cannot_be_read);
    for (size_t i = 12; i-- > 0;) unlink(files[i]);
    for (size_t i = 6; i-- > 0;) rmdir(folders[i]);
    rmdir(folder);
    return check_done();
}

#include "sink/sink.h"

#include <sys/stat.h>

#include "sink/backends.h"
#include "sink/output.h"

struct sink *sink_open(const char *dest, const struct sink_options *o, struct err *e) {
    struct slice name = slice_of(dest);
    bool folder = dest_is_folder(dest) || o->partition;
    enum out_format format = folder ? OUT_NDJSON : out_format_of_name(name);
    if (o->format && !out_format_parse(slice_of(o->format), &format, e)) return NULL;
    if (!name.n) {
        err_set(e, EXIT_USAGE, "the destination has no name; - is standard output");
        return NULL;
    }
    if (folder && slice_is(name, "-")) {
        err_set(e, EXIT_USAGE, "--partition needs a folder, not standard output");
        return NULL;
    }
    if (folder) return folder_open(dest, o, format, e);
    bool gzip = o->gzip || slice_ends(name, ".gz");
    return o->by_epochs ? file_append(dest, format, gzip, o, e) : file_open(dest, format, gzip, e);
}

const char *sink_manner(const char *dest, const struct sink_options *o) {
    struct stat st;
    bool folder = dest_is_folder(dest) || o->partition;
    bool stream = strcmp(dest, "-") == 0 || (stat(dest, &st) == 0 && !S_ISREG(st.st_mode));
    if (o->by_epochs && folder) return "each epoch adds files, as one record of the log";
    if (o->by_epochs && stream) return "written at the end of each epoch, at least once";
    if (o->by_epochs) return "replaced by the first epoch, each later one is appended";
    if (folder) return "files of the same --id and --run are replaced when the run has ended well";
    if (stream) return "written as the events come";
    return "replaced as a whole when the run has ended well";
}

// chdir, fchdir, umask: nothing outside the process changes; the caches that depend on them are told.
#include "decode/families.h"

namespace assent::decode {

Result<Action> decode_chdir(const Arguments&) { return done(ChangeDirectory{}); }
Result<Action> decode_umask(const Arguments& in) { return done(ChangeUmask{in.u32(0) & 0777}); }

}  // namespace assent::decode

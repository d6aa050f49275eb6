// Every exit status of assent, in one place.
#pragma once

namespace assent::cli {

inline constexpr int kOk = 0;
inline constexpr int kNegative = 1;  // a broken chain, a conflict, a denial by `check`
inline constexpr int kUsage = 2;
inline constexpr int kDenials = 77;  // run --fail-on-denial
inline constexpr int kFailed = 125;  // assent itself could not start or had to stop; nothing was done
inline constexpr int kNotExecutable = 126;
inline constexpr int kNotFound = 127;

}  // namespace assent::cli

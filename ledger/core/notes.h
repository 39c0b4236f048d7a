// Notes that the fields of several kinds share (base/fields.h).
#pragma once

#include "base/fields.h"

namespace imi::ledger {

inline constexpr Help kUsccHelp{"unified social credit code, 18 characters"};
inline constexpr Help kAsIssuedHelp{
    "accept a code that was really issued with a check character that does not fit GB 32100"};
inline constexpr Help kVersionHelp{"the version of the record that you have seen"};
inline constexpr Help kDivisionHelp{"12-digit division code"};
inline constexpr Help kEventIdHelp{"event id, 64 hexadecimal characters"};
inline constexpr Help kAttestationIdHelp{"attestation id, 64 hexadecimal characters"};
inline constexpr Help kAgencyIdHelp{"agency id, 64 hexadecimal characters"};
inline constexpr Help kAgencyKeysHelp{
    "public keys, any of which signs, 66 hexadecimal characters each"};

}  // namespace imi::ledger

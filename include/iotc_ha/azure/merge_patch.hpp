#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// JSON merge patches (RFC 7396), in which a member that is null deletes. All texts are JSON objects, compact when they
/// come from here; numbers keep the digits that they were written with. Error InvalidPayload when one is no object.
/// Pure.
namespace iotc_ha::azure {

/// The document after the patch; it has no nulls where the patch had objects' members to delete.
[[nodiscard]] core::Result<std::string> apply_patch(std::string_view document, std::string_view patch);
/// One patch that does to the document `there` what `first` and then `second` do; nulls are kept. A patch cannot say
/// "this object instead of that one": where `first` deletes an object and `second` writes another one in its place, the
/// members that `there` has are deleted one by one, and what a document has beside them stays.
[[nodiscard]] core::Result<std::string> join_patches(std::string_view first, std::string_view second,
                                                     std::string_view there = "{}");
/// What makes a document like `there` contain everything that the patch `wanted` says (a null of it: that it is not
/// there), as one patch; nothing when it does. 20 and 20.0 are the same; what `wanted` does not name stays as it is.
[[nodiscard]] core::Result<std::optional<std::string>> patch_towards(std::string_view there, std::string_view wanted);

/// The patch without what another one says too, member by member: what it says otherwise stays, and so does the mark of
/// a component ("__t") of which anything stays.
[[nodiscard]] core::Result<std::string> without_patch(std::string_view patch, std::string_view refused);

/// Hub limits (azure-protocol: "Twin"): 32 KB for all reported properties, 10 levels, strings of 4 KB, names of 1 KB.
inline constexpr std::size_t k_reported_size_max = std::size_t{32} * 1024;
/// Whether a hub can take a reported patch. Errors InvalidPayload (no object; a name with '.', '$', a blank or a
/// control character; too deep; an integer beyond 2^52) and PayloadTooLarge name the place.
[[nodiscard]] core::Result<void> check_reported(std::string_view patch);

}  // namespace iotc_ha::azure

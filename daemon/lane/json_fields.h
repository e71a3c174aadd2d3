// Reading the small JSON files that lie on a target.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>

namespace tandem {

// "" if it is not there, or no text.
[[nodiscard]] inline std::string StringIn(const boost::json::object& object, const char* key) {
  const boost::json::value* field = object.if_contains(key);
  if (field == nullptr || !field->is_string()) return "";
  return std::string(field->as_string().data(), field->as_string().size());
}

// False: it is not there, or no number of that type.
template <typename T>
[[nodiscard]] bool TakeNumber(const boost::json::object& object, const char* key, T* number) {
  const boost::json::value* field = object.if_contains(key);
  if (field == nullptr || !field->is_number()) return false;
  boost::json::error_code error;
  *number = field->to_number<T>(error);
  return !error;
}

// 2024-05-01T17:03:00.000Z; "" for 0.
[[nodiscard]] std::string UtcText(int64_t unix_ms);

}  // namespace tandem

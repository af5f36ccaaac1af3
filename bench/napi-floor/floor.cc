// The least that a call across the boundary can cost: what every embedded figure is a multiple of.
//
//   nothing()        a call that returns undefined
//   echo(key)        a string in, a string of 100 bytes out, without a look-up
//   pick(key)        a string in, one of 100,000 strings out, by the number in the key: the look-up
//                    is one array access, so that what remains is memory and the boundary
#include <napi.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr size_t kKeys = 100000;
constexpr size_t kValueBytes = 100;
std::vector<std::string> values;

Napi::Value Nothing(const Napi::CallbackInfo& info) { return info.Env().Undefined(); }

size_t ReadKey(const Napi::CallbackInfo& info, char* key, size_t capacity) {
  size_t length = 0;
  napi_get_value_string_latin1(info.Env(), info[0], key, capacity, &length);
  return length;
}

Napi::Value MakeString(napi_env env, const std::string& text) {
  napi_value result = nullptr;
  napi_create_string_latin1(env, text.data(), text.size(), &result);
  return Napi::Value(env, result);
}

Napi::Value Echo(const Napi::CallbackInfo& info) {
  char key[64];
  ReadKey(info, key, sizeof key);
  return MakeString(info.Env(), values[0]);
}

Napi::Value Pick(const Napi::CallbackInfo& info) {
  char key[64];
  const size_t length = ReadKey(info, key, sizeof key);
  size_t number = 0;
  for (size_t i = 0; i < length; i++) {
    if (key[i] >= '0' && key[i] <= '9') number = number * 10 + static_cast<size_t>(key[i] - '0');
  }
  return MakeString(info.Env(), values[number % kKeys]);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  values.assign(kKeys, std::string(kValueBytes, 'v'));
  exports.Set("nothing", Napi::Function::New<Nothing>(env));
  exports.Set("echo", Napi::Function::New<Echo>(env));
  exports.Set("pick", Napi::Function::New<Pick>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(floor, Init)

/* The loaded libraries' own words, not the headers'. */
#include "aws/version.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <expat.h>
#include <openssl/crypto.h>
#include <string.h>

void aws_version_text(struct buf *to)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    buf_printf(to, "libcurl %s (%s)\n", curl->version, curl->ssl_version);
    buf_printf(to, "%s\n", OpenSSL_version(OPENSSL_VERSION));
    buf_printf(to, "cJSON %s\n", cJSON_Version());
    const char *expat = XML_ExpatVersion(); /* "expat_2.5.0" */
    buf_printf(to, "expat %s\n", expat + strcspn(expat, "0123456789"));
}

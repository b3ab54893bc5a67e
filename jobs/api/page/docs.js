"use strict";
// Swagger UI from this server's own files; persistAuthorization would keep the key in the browser's storage, so it is off.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  persistAuthorization: false,
});

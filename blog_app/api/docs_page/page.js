// Swagger UI has a dark scheme; the browser says which one is wanted.
const dark = matchMedia("(prefers-color-scheme: dark)");
const applyScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", applyScheme);
applyScheme();

// Swagger UI of our OpenAPI document. The token stays in this browser until "Logout".
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});

// A list has dozens of parameters such as price[gte]; the style sheet hides them by default.
document.getElementById("operators").addEventListener("change", (event) => {
  document.body.classList.toggle("with-operators", event.target.checked);
});

export default {
  input: process.env.DOCUMENT,
  output: { path: "generated/hey_api", importFileExtension: ".js" },
  plugins: ["@hey-api/client-fetch"],
};
